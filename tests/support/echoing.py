"""Providers of every dialect that keep what they were sent, byte for byte, and say what a test makes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
from tests.support.strings import strings

from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame
from policyroute.events import Finished, FinishReason, Started, StreamEvent, TextDelta, ToolCallDelta, Usage
from policyroute.request import ModelRequest

Says = Callable[[str], str]
"""What is answered to a body."""


def everything(body: str) -> str:
    """All strings of it, one a line."""
    return "\n".join(strings(json.loads(body)))


@dataclass
class Echo:
    """One provider. It says what `says` makes of a body, in pieces of `piece` characters, or calls a tool with that as
    its argument `said`; `cut` is after how many pieces its first answer breaks off, `down` that it answers 503,
    with this `code`. `busy` are the Retry-Afters that its next answers say it with that it is throttled."""

    dialect: str = "openai_chat"
    says: Says = everything
    piece: int = 7
    down: bool = False
    code: str | None = None
    cut: int | None = None
    calls: bool = False
    busy: list[str] = field(default_factory=list[str])
    got: list[bytes] = field(default_factory=list[bytes])

    def events(self, body: str) -> list[StreamEvent]:
        said = self.says(body)
        text = json.dumps({"said": said}) if self.calls else said
        at = [*range(0, len(text), self.piece), len(text)]
        parts = [text[start:end] for start, end in pairwise(at)]
        if self.calls:
            told: list[StreamEvent] = [ToolCallDelta(0, "c1", "look", "")]
            told += [ToolCallDelta(0, None, None, part) for part in parts]
        else:
            told = [TextDelta(part) for part in parts]
        reason = FinishReason.TOOL_CALLS if self.calls else FinishReason.STOP
        return [Started("theirs", "m"), *told, Usage(10, 10), Finished(reason)]


class Echoes(httpx.AsyncBaseTransport):
    """By host name: `http://NAME/v1` is `by_host[NAME]`."""

    def __init__(self, **by_host: Echo) -> None:
        self.by_host = by_host

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        echo = self.by_host[request.url.host]
        dialect = DIALECTS[echo.dialect]
        body = await request.aread()
        echo.got.append(body)
        if echo.down:
            error = {"message": "down", "type": "server_error", "code": echo.code}
            return httpx.Response(503, json={"error": error})
        if echo.busy:
            error = {"message": "busy", "type": "requests", "code": "rate_limit_exceeded"}
            return httpx.Response(429, json={"error": error}, headers={"retry-after": echo.busy.pop()})
        data = json.loads(body)
        streamed = data.get("stream") is True or "stream" in request.url.path
        read = ModelRequest.read(echo.dialect, body, path=request.url.path)
        frame = Frame("theirs", "m", 1, read)
        events = echo.events(body.decode())
        if not streamed:
            return httpx.Response(200, content=dialect.whole(events, frame)[0])
        writer = dialect.writer(frame)
        chunks = [writer.write([event]) for event in events] + [writer.end()]
        if echo.cut is not None and len(echo.got) == 1:
            chunks = chunks[: echo.cut + 1]
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=_Chunks(chunks))


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if chunk:
                yield chunk
