"""One request to an LLM path, and everything it came with.

Rule of this module: a value that is handed on whole. It is made when the request arrives and ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope

from policyroute_asgi.door import Door
from policyroute_asgi.endpoints import Endpoint
from policyroute_asgi.reply import Reply
from policyroute_asgi.telemetry import Served


@dataclass(frozen=True, slots=True)
class Visit:
    """`headers` are the scope's by lower-case name, the last of each; `served` is filled in as the request goes on."""

    endpoint: Endpoint
    door: Door
    scope: Scope
    headers: Mapping[bytes, bytes]
    receive: Receive
    reply: Reply
    served: Served
