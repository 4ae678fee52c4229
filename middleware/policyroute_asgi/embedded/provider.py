"""A provider in the process: it answers without key or network, and misbehaves by model name.

Rule of this module: it is the other side. It knows nothing of policies, and takes nothing from the gateway but
HTTP. docs/embedded-provider.md says what it does.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

import orjson
from starlette.types import Message, Receive, Scope, Send

from policyroute import BadRequest, ModelRequest
from policyroute_asgi.embedded import chat
from policyroute_asgi.embedded.answer import Answer, answer
from policyroute_asgi.embedded.behaviour import DESCRIBED, Behaviour

_LARGEST: Final = 64 * 1024 * 1024
_REMEMBERED: Final = 4096
_GARBAGE: Final = b"<html><body><h1>It works!</h1></body></html>"

_ERRORS: Final[dict[str, tuple[int, str, str, str | None]]] = {
    "throttle": (429, "Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    "quota": (429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "overloaded": (503, "The engine is currently overloaded.", "server_error", "server_is_overloaded"),
    "500": (500, "The server had an error while processing your request.", "server_error", None),
    "500-once": (500, "The server had an error while processing your request.", "server_error", None),
    "not-found": (404, "The model does not exist.", "invalid_request_error", "model_not_found"),
    "context-overflow": (
        400,
        "Your input exceeds the context window of this model.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
}


class ConnectionCut(Exception):
    """Raised to make the server drop the connection: the model was asked to."""


class EmbeddedProvider:
    """The ASGI app. One instance remembers what `500-once` has failed already."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["method"] == "GET" and path.endswith("/models"):
            rows = [
                {"id": name, "object": "model", "created": chat.CREATED, "owned_by": "embedded"} for name in DESCRIBED
            ]
            await _json(send, 200, orjson.dumps({"object": "list", "data": rows}))
        elif scope["method"] == "POST" and path.endswith("/chat/completions"):
            await self._chat(scope, receive, send)
        else:
            await _json(send, 404, chat.error(f"No {scope['method']} {path} here.", "invalid_request_error", None))

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        try:
            request = ModelRequest.read("openai_chat", await _body(receive), headers, scope["path"])
        except BadRequest as error:
            await _json(send, error.status, chat.error(error.message, "invalid_request_error", error.code))
            return
        behaviour = Behaviour.of(request.model)
        key = dict(headers).get("authorization", "").removeprefix("Bearer ")
        if behaviour.name == "auth":
            shown = f"Incorrect API key provided: {key[:8]}****{key[-4:]}."
            await _json(send, 401, chat.error(shown, "invalid_request_error", "invalid_api_key"))
        elif behaviour.name in _ERRORS and self._fails(behaviour, request, key):
            status, message, kind, code = _ERRORS[behaviour.name]
            wait = [(b"retry-after", b"%g" % behaviour.number)] if behaviour.name == "throttle" else []
            await _json(send, status, chat.error(message, kind, code), wait)
        elif behaviour.name == "garbage":
            await _begin(send, 200, b"text/event-stream" if request.stream else b"application/json")
            await _more(send, b"data: " + _GARBAGE + b"\n\n" if request.stream else _GARBAGE)
            await _end(send)
        else:
            speak = _stream if request.stream else _whole
            await speak(request, behaviour, answer(request, behaviour), receive, send)

    def _fails(self, behaviour: Behaviour, request: ModelRequest, key: str) -> bool:
        if behaviour.name == "context-overflow":
            return request.input_tokens > behaviour.number
        if behaviour.name != "500-once":
            return True
        asked = hashlib.sha256(
            b"\0".join((key.encode(), request.model.encode(), orjson.dumps(request.data["messages"])))
        )
        known = asked.hexdigest()
        if known in self._failed:
            del self._failed[known]
            return False
        self._failed[known] = None
        if len(self._failed) > _REMEMBERED:
            del self._failed[next(iter(self._failed))]
        return True


async def _whole(request: ModelRequest, behaviour: Behaviour, said: Answer, receive: Receive, send: Send) -> None:
    if behaviour.name == "slow-first-token":
        await asyncio.sleep(behaviour.number)
    if behaviour.name == "stall":
        await _silence(receive)
        return
    if behaviour.name == "empty":
        said = Answer(said.id, "content", "")
    body = chat.body(request, said)
    if behaviour.name in ("cut", "no-finish"):
        await _begin(send, 200, b"application/json", [(b"content-length", b"%d" % len(body))])
        await _more(send, body[: len(body) // 2])
        raise ConnectionCut
    await _json(send, 200, body)


async def _stream(request: ModelRequest, behaviour: Behaviour, said: Answer, receive: Receive, send: Send) -> None:
    await _begin(send, 200, b"text/event-stream; charset=utf-8")
    await _more(send, chat.opening(request, said))
    if behaviour.name == "slow-first-token":
        await asyncio.sleep(behaviour.number)
    left = behaviour.number if behaviour.name in ("stall", "cut", "no-finish") else float("inf")
    if behaviour.name != "empty":
        for event in chat.words(request, said):
            if left <= 0:
                break
            left -= 1
            await _more(send, event)
            # Even a long answer leaves the loop to others between its words.
            await asyncio.sleep(behaviour.number if behaviour.name == "slow" else 0)
    if behaviour.name == "stall":
        await _silence(receive)
    elif behaviour.name == "cut":
        raise ConnectionCut
    elif behaviour.name != "no-finish":
        await _more(send, chat.closing(request, said))
        await _more(send, b"" if behaviour.name == "no-done" else chat.DONE)
    await _end(send)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise BadRequest("too_large", "The body is too large.", 413)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _silence(receive: Receive) -> None:
    """Nothing more, until the client has enough of it."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _begin(send: Send, status: int, kind: bytes, more: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [(b"content-type", kind), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _json(send: Send, status: int, body: bytes, more: list[tuple[bytes, bytes]] | None = None) -> None:
    await _begin(send, status, b"application/json", [(b"content-length", b"%d" % len(body)), *(more or [])])
    await _end(send, body)


async def _lifespan(receive: Receive, send: Send) -> None:
    message: Message = {"type": ""}
    while message["type"] != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
