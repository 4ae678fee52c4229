"""Answers on their way from any provider's dialect to the client of another, and what an SDK makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from policyroute.dialects import DIALECTS, Dialect
from policyroute.dialects.translation import Frame
from policyroute.events import (
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

RECORDED = (
    ("recordings", "openai_chat"),
    ("messages", "anthropic"),
    ("responses", "openai_responses"),
    ("contents", "gemini"),
)
"""Fixtures of recordings, and the dialect of each."""


def read(dialect: str, recording: Recording) -> list[StreamEvent]:
    if not recording.sse:
        return DIALECTS[dialect].answer(json.dumps(recording.body).encode())
    reader = DIALECTS[dialect].stream()
    events, _ = reader.feed(recording.sse)
    return events + reader.end()


def streamed(dialect: Dialect, events: Sequence[StreamEvent], frame: Frame) -> bytes:
    writer = dialect.writer(frame)
    return writer.write(events) + writer.end()


def in_pieces(dialect: Dialect, events: Sequence[StreamEvent], frame: Frame, dice: random.Random) -> bytes:
    """The same, wherever the events are cut."""
    writer = dialect.writer(frame)
    sent, at = b"", 0
    while at < len(events):
        size = dice.choice((0, 1, 1, 2, 5, 40))
        sent, at = sent + writer.write(events[at : at + size]), at + size
    return sent + writer.end()


@dataclass
class Said:
    """What an answer says, whoever tells it. `usage`: input, output, cached, written to a cache, reasoning."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    finish: str = ""
    usage: tuple[int, int, int, int, int] | None = None
    model: str = ""

    def called(self) -> list[tuple[str, Any]]:
        """By name and arguments; those of a custom tool are a text of any kind."""
        return [(name, _whatever(said or "{}")) for name, said in self.calls.values()]


def _whatever(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def said(events: Sequence[StreamEvent], choice: int = 0) -> Said:
    fold = Said()
    for event in events:
        if getattr(event, "choice", choice) != choice:
            continue
        match event:
            case TextDelta(text):
                fold.text += text
            case ReasoningDelta(text):
                fold.reasoning += text
            case RefusalDelta(text):
                fold.refusal += text
            case ToolCallDelta(index, _, name, arguments):
                fold.calls.setdefault(index, [name or "", ""])[1] += arguments
            case Finished(reason):
                fold.finish = fold.finish or reason
            case Usage():
                fold.usage = (event.input, event.output, event.cached_input, event.cache_write, event.reasoning)
            case Started():
                fold.model = fold.model or event.model
            case _:
                pass
    return fold


class Serving:
    """OpenAI's SDK, before a provider that answers what it is given. There is one: making a client takes long."""

    def __init__(self) -> None:
        self._body, self._kind = b"", ""
        web = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self._sdk = openai.OpenAI(api_key="k", base_url="http://api.example", http_client=web, max_retries=0)

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": self._kind}, content=self._body)

    def __call__(self, body: bytes, kind: str) -> openai.OpenAI:
        self._body, self._kind = body, kind
        return self._sdk


SERVING = Serving()
