"""The gateway's side of its clients' connections: what a client may cost, and how a connection ends.

Rule of this package: a client gets an answer or an orderly end, and nothing that it does or leaves undone costs more
than its limit.
"""

from __future__ import annotations

from policyroute_asgi.connections.limits import ConnectionLimits
from policyroute_asgi.connections.watch import Connections

__all__ = ["ConnectionLimits", "Connections"]
