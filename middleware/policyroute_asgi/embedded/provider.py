"""A provider in the process: it answers without key or network, and misbehaves by model name.

Rule of this module: it is the other side. It knows nothing of policies, and takes nothing from the gateway but
HTTP. docs/embedded-provider.md says what it does.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from policyroute import BadRequest, ModelRequest
from policyroute.dialects import VOICES
from policyroute_asgi.embedded import http
from policyroute_asgi.embedded.anthropic import CountTokens, Messages
from policyroute_asgi.embedded.behaviour import DESCRIBED, Behaviour
from policyroute_asgi.embedded.gemini import Contents, Counts
from policyroute_asgi.embedded.openai import Chat, Embeddings
from policyroute_asgi.embedded.responses import Responses
from policyroute_asgi.embedded.wire import CREATED, SpeakingWire, Wire

_WIRES: Final[Mapping[str, Wire]] = {
    "/chat/completions": Chat(),
    "/responses": Responses(),
    "/embeddings": Embeddings(),
    "/messages": Messages(),
    "/messages/count_tokens": CountTokens(),
    ":generateContent": Contents(),
    ":streamGenerateContent": Contents(),
    ":countTokens": Counts(),
}
"""By the end of the path."""
_FAILING: Final = frozenset(
    {"throttle", "quota", "overloaded", "500", "500-once", "auth", "not-found", "context-overflow"}
)
_REMEMBERED: Final = 4096
_GARBAGE: Final = b"<html><body><h1>It works!</h1></body></html>"


class ConnectionCut(Exception):
    """Raised to make the server drop the connection: the model was asked to."""


class EmbeddedProvider:
    """The ASGI app. One instance remembers what `500-once` has failed already."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await http.lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], str(scope["path"])
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        wire = next((wire for end, wire in _WIRES.items() if path.endswith(end)), None)
        if method == "GET" and path.endswith("/models"):
            await http.whole(send, 200, VOICES[_listed_for(path, headers)].models(DESCRIBED, CREATED))
        elif method == "POST" and wire is not None:
            await self._ask(wire, path, headers, receive, send)
        else:
            await http.whole(send, 404, _WIRES["/chat/completions"].complaint(f"No {method} {path} here.", "not_found"))

    async def _ask(self, wire: Wire, path: str, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        try:
            body = await http.read_body(receive)
            request = ModelRequest.read(wire.dialect, body, headers, path, operation=wire.operation)
        except BadRequest as error:
            await http.whole(send, error.status, wire.complaint(error.message, error.code))
            return
        behaviour = Behaviour.of(request.model)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        key = headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer
        if behaviour.name in _FAILING and self._fails(behaviour, request, key):
            status, said = wire.failure(behaviour.name, request, key)
            wait = [(b"retry-after", b"%g" % behaviour.number)] if behaviour.name == "throttle" else []
            await http.whole(send, status, said, wait)
        elif behaviour.name == "garbage":
            await http.begin(send, 200, http.EVENTS if request.stream else http.JSON)
            await http.say(send, b"data: " + _GARBAGE + b"\n\n" if request.stream else _GARBAGE)
            await http.end(send)
        elif request.stream and isinstance(wire, SpeakingWire):
            await _stream(wire, request, behaviour, receive, send)
        else:
            await _whole(wire, request, behaviour, receive, send)

    def _fails(self, behaviour: Behaviour, request: ModelRequest, key: str) -> bool:
        if behaviour.name == "context-overflow":
            return request.input_tokens > behaviour.number
        if behaviour.name != "500-once":
            return True
        asked = [request.data.get(name) for name in ("messages", "contents", "input")]
        said = (request.operation.encode(), key.encode(), request.model.encode(), orjson.dumps(asked))
        known = hashlib.sha256(b"\0".join(said)).hexdigest()
        if known in self._failed:
            del self._failed[known]
            return False
        self._failed[known] = None
        if len(self._failed) > _REMEMBERED:
            del self._failed[next(iter(self._failed))]
        return True


def _listed_for(path: str, headers: Mapping[str, str]) -> str:
    """The dialect that a client shows to speak who asks for the models."""
    if "/v1beta/" in path or "x-goog-api-client" in headers:
        return "gemini"
    return "anthropic" if "anthropic-version" in headers else "openai_chat"


async def _whole(wire: Wire, request: ModelRequest, behaviour: Behaviour, receive: Receive, send: Send) -> None:
    if behaviour.name == "slow-first-token":
        await asyncio.sleep(behaviour.number)
    if behaviour.name == "stall":
        await http.silence(receive)
        return
    body = wire.whole(request, behaviour)
    if behaviour.name in ("cut", "no-finish"):
        await http.begin(send, 200, http.JSON, [http.length(body)])
        await http.say(send, body[: len(body) // 2])
        raise ConnectionCut
    await http.whole(send, 200, body)


async def _stream(
    wire: SpeakingWire, request: ModelRequest, behaviour: Behaviour, receive: Receive, send: Send
) -> None:
    speech = wire.speech(request, behaviour)
    await http.begin(send, 200, http.EVENTS)
    await http.say(send, speech.opening)
    if behaviour.name == "slow-first-token":
        await asyncio.sleep(behaviour.number)
    left = behaviour.number if behaviour.name in ("stall", "cut", "no-finish") else float("inf")
    for event in speech.words:
        if left <= 0:
            break
        left -= 1
        await http.say(send, event)
        # Even a long answer leaves the loop to others between its words.
        await asyncio.sleep(behaviour.number if behaviour.name == "slow" else 0)
    if behaviour.name == "stall":
        await http.silence(receive)
    elif behaviour.name == "cut":
        raise ConnectionCut
    elif behaviour.name != "no-finish":
        await http.say(send, speech.closing)
        await http.say(send, b"" if behaviour.name == "no-done" else speech.done)
    await http.end(send)
