"""Policyroute's engine: policies, decisions, dialects and failover, without I/O."""

__version__ = "0.1.0"
