"""The edge: ASGI middleware and gateway, HTTP to providers, hot reload, command line."""

import policyroute_asgi.lean  # noqa: F401  # pyright: ignore[reportUnusedImport] - before anybody imports httpx

# isort: split

from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.app import Gateway, gateway
from policyroute_asgi.identity import ANONYMOUS
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.middleware import PolicyRouteMiddleware
from policyroute_asgi.moderating import Moderation, Refuse
from policyroute_asgi.router import Router

__all__ = [
    "ANONYMOUS",
    "Gateway",
    "LoadLimits",
    "Moderation",
    "PolicyHolder",
    "PolicyRouteMiddleware",
    "Refuse",
    "Router",
    "gateway",
]
