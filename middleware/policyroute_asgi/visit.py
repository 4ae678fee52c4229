"""One request to an LLM path, and everything it came with.

Rule of this module: a value that is handed on whole. It is made when the request arrives and ends with it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope

from policyroute.request import BadRequest, ModelRequest, Profiles
from policyroute_asgi.door import Caller, Door
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


def read_request(body: bytes, visit: Visit, profiles: Profiles, caller: Caller) -> ModelRequest:
    """The request that it is. Raises BadRequest."""
    scope, wanted = visit.scope, visit.endpoint.query
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    request = ModelRequest.read(
        visit.endpoint.dialect,
        body,
        headers,
        scope["path"],
        query=scope["query_string"],
        id=visit.served.request_id,
        received_at=time.time(),
        operation=visit.endpoint.operation,
        profiles=profiles,
        granted=caller.client.profiles,
    )
    if wanted is not None and request.query.get(wanted[0]) != wanted[1]:
        said = "=".join(wanted)
        message = f"A stream is served as server-sent events only: send `?{said}`, as the SDKs do."
        raise BadRequest("unsupported_stream", message, param=wanted[0])
    return request
