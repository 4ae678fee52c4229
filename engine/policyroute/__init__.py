"""Policyroute's engine: policies, decisions, dialects and failover, without I/O.

    from policyroute import ModelRequest, RoutingState, load

    policy = load("policies/")
    request = ModelRequest.read("openai_chat", body=body, headers=headers, path="/v1/chat/completions")
    decision = policy.decide(request, RoutingState.empty(), now=0.0)
"""

from policyroute import dialects
from policyroute.author.load import build, load
from policyroute.decide import Decision, Latency, PolicySet, RoutingState
from policyroute.problems import PolicyErrors, Problem
from policyroute.request import BadRequest, Client, ModelRequest

__version__ = "0.1.0"

__all__ = [
    "BadRequest",
    "Client",
    "Decision",
    "Latency",
    "ModelRequest",
    "PolicyErrors",
    "PolicySet",
    "Problem",
    "RoutingState",
    "build",
    "dialects",
    "load",
]
