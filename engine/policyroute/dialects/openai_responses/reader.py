"""OpenAI Responses, the answer side: provider bytes to events, streamed and whole.

Rule of this module: a stream is complete only with its `response.completed` or `response.incomplete`, whatever came
before.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyroute.dialects.named_stream import NamedStream, read_at_once
from policyroute.dialects.openai_responses.kept_answer import keep
from policyroute.dialects.openai_responses.response import ResponseReader
from policyroute.dialects.shapes import obj
from policyroute.dialects.stream import UNREADABLE, parse
from policyroute.events import Broken, StreamEvent


class ResponsesStream(NamedStream):
    """Every event has a number of its own: none is like the one before."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(ResponseReader(secrets), secrets)

    def _answer(self, body: bytes) -> list[StreamEvent]:
        return read_answer(body, self._secrets)


def read_answer(body: bytes, secrets: Iterable[str] = (), *, everything: bool = False) -> list[StreamEvent]:
    """A whole JSON answer as events. The last is a `Broken` where it is an error, empty, or no answer at all."""
    answer = obj(parse(body))
    if not (isinstance(answer.get("output"), list) or answer.get("status") or answer.get("error")):
        return [Broken(UNREADABLE)]
    events = read_at_once(ResponseReader(secrets), answer)
    return keep(answer, events) if everything and not isinstance(events[-1], Broken) else events
