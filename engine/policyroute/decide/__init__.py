"""Decisions: from a request's facts and a compiled program to an ordered list of candidates, with the reasons."""

from policyroute.decide.answers import Answer
from policyroute.decide.decision import Candidate, Decision, Denial, Excluded, Hop, RuleError
from policyroute.decide.judging import Verdict
from policyroute.decide.policy_set import PolicySet
from policyroute.decide.state import GatewayLoad, Health, Latency, RoutingState

__all__ = [
    "Answer",
    "Candidate",
    "Decision",
    "Denial",
    "Excluded",
    "GatewayLoad",
    "Health",
    "Hop",
    "Latency",
    "PolicySet",
    "RoutingState",
    "RuleError",
    "Verdict",
]
