"""Policyroute's engine: policies, decisions, dialects and failover, without I/O."""

from policyroute import dialects
from policyroute.request import BadRequest, Client, ModelRequest

__version__ = "0.1.0"

__all__ = ["BadRequest", "Client", "ModelRequest", "dialects"]
