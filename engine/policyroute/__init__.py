"""Policyroute's engine: policies, decisions, dialects and failover, without I/O.

Three names are a start: `load` a directory into a `PolicySet`, `ModelRequest.read` what a client sent, and `decide`.
"""

from policyroute import dialects
from policyroute.author.load import build, load
from policyroute.decide import Decision, GatewayLoad, Health, Latency, PolicySet, RoutingState
from policyroute.problems import PolicyErrors, Problem
from policyroute.request import BadRequest, Client, ModelRequest, Operation

__version__ = "0.1.0"

__all__ = [
    "BadRequest",
    "Client",
    "Decision",
    "GatewayLoad",
    "Health",
    "Latency",
    "ModelRequest",
    "Operation",
    "PolicyErrors",
    "PolicySet",
    "Problem",
    "RoutingState",
    "build",
    "dialects",
    "load",
]
