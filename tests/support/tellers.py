"""Providers of every dialect that tell one and the same answer, and break it off where a test says.

They are honest readers: what an answer is begun with, or told to go on with, is taken from the request as any provider
of the dialect would read it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import httpx

from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame
from policyroute.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.request import ModelRequest
from policyroute.request.prompt import Prompt, Text

Ending = Literal["whole", "cut", "reset", "error", "silent", "unfinished", "malformed", "500"]
"""How an answer breaks off: the connection is closed, or dropped; an error in the stream; nothing more comes; all is
said but the end; an event in between is no JSON."""
Manner = Literal["exact", "tail", "over", "other", "refuses"]
"""How one goes on that is asked to: with what follows; with some of the end first; from the beginning; with something
else; not at all, where an answer is begun for it."""

ANSWER = (
    "Nine owls sat in a barn near Dorset. Each had a name: Ada, Brisk, Cole, Dandelion. When rain fell they argued "
    "about who should fly first, and nobody wanted to. At last Brisk hopped down, shook both wings, and left without "
    "saying goodbye; the others pretended not to notice it at all."
)


def pieces(answer: str = ANSWER, count: int = 58) -> list[str]:
    """The answer as that many words of a stream."""
    at = [round(len(answer) * n / count) for n in range(count + 1)]
    return [answer[start:end] for start, end in pairwise(at)]


@dataclass
class Teller:
    """One provider. Its first answer breaks off after `cut` events in the way of `ending`; what it says where it is
    asked to go on is told in the given `manner`."""

    dialect: str
    cut: int | None = None
    ending: Ending = "cut"
    manner: Manner = "exact"
    answer: str = ANSWER
    thoughts: Sequence[str] = ()
    calls: Sequence[tuple[str, str]] = ()
    """Tools that are called after the text: name and arguments."""
    again: bool = False
    """Whether later answers break off too."""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def events(self, prompt: Prompt) -> list[StreamEvent]:
        said = self._said(prompt)
        thoughts = [ReasoningDelta(each) for each in self.thoughts]
        words = [TextDelta(each) for each in (pieces(said) if said else [])]
        calls = [part for number, call in enumerate(self.calls) for part in _called(number, *call)]
        reason = FinishReason.TOOL_CALLS if calls else FinishReason.STOP
        usage = Usage(10, (len(said) + 3) // 4)
        return [Started("theirs", f"{self.dialect}-model"), *thoughts, *words, *calls, usage, Finished(reason)]

    def _said(self, prompt: Prompt) -> str:
        begun = _begun(prompt)
        if begun is None or not self.answer.startswith(begun):
            return self.answer
        rest = self.answer[len(begun) :]
        if self.manner == "tail":
            return self.answer[max(0, len(begun) - 30) :]
        if self.manner == "over":
            return self.answer
        return "I would rather tell of something else entirely." if self.manner == "other" else rest


def _called(number: int, name: str, arguments: str) -> list[StreamEvent]:
    """A call in pieces."""
    third = len(arguments) // 3
    said = (arguments[:third], arguments[third : 2 * third], arguments[2 * third :])
    begun = ToolCallDelta(number, f"call_{number}", name, "")
    return [begun, *(ToolCallDelta(number, None, None, each) for each in said)]


def _begun(prompt: Prompt) -> str | None:
    """What of the answer is there already, as a turn of the assistant's that is last or but last."""
    for turn in prompt.turns[:-3:-1]:
        if turn.role == "assistant":
            return "".join(part.text for part in turn.parts if isinstance(part, Text))
    return None


class Broken(httpx.AsyncByteStream):
    def __init__(self, chunks: Callable[[], AsyncIterator[bytes]]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks():
            yield chunk


class Tellers(httpx.AsyncBaseTransport):
    """By host name: `http://NAME/v1` is `tellers[NAME]`."""

    def __init__(self, **tellers: Teller) -> None:
        self.tellers = tellers
        self.rested: Callable[[], None] = lambda: None
        """Has a gateway forget who failed."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        teller = self.tellers[request.url.host]
        dialect = DIALECTS[teller.dialect]
        body = json.loads(await request.aread())
        teller.asked.append(body)
        prompt = dialect.read(body)
        first = len(teller.asked) == 1 or teller.again
        if first and teller.ending == "500":
            return httpx.Response(500, json={"error": {"message": "no", "type": "server_error"}})
        if teller.manner == "refuses" and prompt.turns[-1].role == "assistant":
            error = {
                "type": "invalid_request_error",
                "message": "assistant message prefill is not supported",
            }
            return httpx.Response(400, json={"type": "error", "error": error})
        asked = ModelRequest.read(teller.dialect, json.dumps(_streamed(body)).encode(), path=request.url.path)
        writer = dialect.writer(Frame("theirs", f"{teller.dialect}-model", 1, asked))
        events = teller.events(prompt)

        async def told() -> AsyncIterator[bytes]:
            for number, event in enumerate(events):
                if first and number == teller.cut:
                    if teller.ending == "malformed":
                        yield _MALFORMED[teller.dialect]
                    else:
                        async for last in _broken(teller.ending, dialect.name):
                            yield last
                        return
                if said := writer.write([event]):
                    yield said
            yield writer.end()

        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Broken(told))


_MALFORMED = dict.fromkeys(DIALECTS, b'data: {"nonsense\n\n') | {
    "anthropic": b'event: content_block_delta\ndata: {"nonsense\n\n'
}


async def _broken(ending: Ending, dialect: str) -> AsyncIterator[bytes]:
    if ending == "reset":
        raise httpx.ReadError("reset")
    if ending == "error":
        error = {"type": "overloaded_error", "message": "Overloaded", "code": 503, "status": "UNAVAILABLE"}
        named = dialect in {"anthropic", "openai_responses"}
        said = {"type": "error", "error": error, **error} if named else {"error": error}
        yield (b"event: error\n" if named else b"") + b"data: " + json.dumps(said).encode() + b"\n\n"
    if ending == "silent":
        raise httpx.ReadTimeout("nothing came")


def _streamed(body: dict[str, Any]) -> dict[str, Any]:
    """So that usage is told."""
    if "messages" not in body or "max_tokens" in body:
        return body
    return {**body, "stream_options": {"include_usage": True}}
