"""What is done about an answer between its provider and the client: labelled text is listened for, what rules of
answers look for is replaced, pseudonyms become values again.

Rule of this module: in this order, and of whole answers as of streamed ones. What cannot be looked through is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from policyroute.dialects.dialect import StreamReader
from policyroute.dialects.translated import Stage
from policyroute.events import Broken, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta
from policyroute.failures import Failure, FailureKind
from policyroute.redact.censoring import Censoring, censored
from policyroute.redact.findings import Exhausted
from policyroute.redact.logprobs import without_logprobs
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.replacing import Blocked, Redaction
from policyroute.redact.restoring import Restoring, restored
from policyroute.scrub import Listening, Traces

BLOCK: Final = "block"
CONFESSION: Final = "confession"
BLOCKED: Final = "blocked"
UNSEARCHABLE: Final = "unsearchable"


@dataclass(slots=True)
class Treatment:
    """Of one attempt's answer. `json`: the client asked for JSON, so that what is put into its text is written so.
    `traces` are listened for; `blocks`: an answer that says any breaks off there. `confessed` are the names of those
    that it said."""

    censors: Redaction | None = field(default=None, repr=False)
    pseudonyms: Pseudonyms | None = field(default=None, repr=False)
    in_urls: bool = False
    json: bool = False
    traces: Traces | None = field(default=None, repr=False)
    blocks: bool = False
    confessed: frozenset[str] = frozenset()

    @property
    def tells(self) -> bool:
        """Whether the client is told something else than the provider's own bytes."""
        return self.censors is not None or self.pseudonyms is not None

    def heard(self, reader: StreamReader) -> StreamReader:
        """The reader of a streamed answer, listened to where there is something to listen for."""
        return Overheard(reader, self, self.traces) if self.traces is not None else reader

    def stages(self) -> list[Stage]:
        """Of a streamed answer."""
        found: list[Stage] = []
        if self.censors is not None:
            found.append(Censored(Censoring(self.censors, json=self.json)))
        if self.pseudonyms is not None:
            found.append(Restoring(self.pseudonyms, in_urls=self.in_urls, json=self.json))
        return found

    def whole(self, body: bytes) -> bytes | Failure:
        """Of an answer that came at once, in whatever dialect; what is no JSON is no answer, and for its dialect to
        say."""
        if not (self.tells or self.traces is not None):
            return body
        try:
            data: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        if self.traces is not None and self.overheard(_texts(data)) and self.blocks:
            return confession()
        return self._told(data, body)

    def overheard(self, texts: Sequence[str]) -> bool:
        """Whether they say something that is listened for."""
        assert self.traces is not None
        for text in texts:
            listening = Listening(self.traces)
            listening.heard(text)
            self.confessed |= listening.found()
        return bool(self.confessed)

    def _told(self, data: Any, body: bytes) -> bytes | Failure:
        try:
            told = without_logprobs(data) if self.tells else data
            told = censored(told, self.censors, json=self.json) if self.censors is not None else told
            if self.pseudonyms is not None:
                told = restored(told, self.pseudonyms, in_urls=self.in_urls, json=self.json)
        except (Blocked, Exhausted) as error:
            return withheld(error)
        return body if told is data else orjson.dumps(told)


class Censored:
    """Breaks an answer off where something must not be told, or cannot be looked through."""

    ended = False

    def __init__(self, censoring: Censoring) -> None:
        self._censoring = censoring

    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        if events and isinstance(events[-1], Broken):
            return events[-1:]  # what was held back of an answer that broke off is not told
        return self._or_broken(lambda: self._censoring.passed(events))

    def rest(self) -> list[StreamEvent]:
        return self._or_broken(self._censoring.rest)

    def _or_broken(self, work: Callable[[], list[StreamEvent]]) -> list[StreamEvent]:
        try:
            return work()
        except (Blocked, Exhausted) as error:
            return [Broken(withheld(error))]


class Overheard:
    """Reads as `reader` does, and breaks off where `treatment` says that nothing may be confessed."""

    def __init__(self, reader: StreamReader, treatment: Treatment, traces: Traces) -> None:
        self.malformed = 0
        self.tail = b""
        self._reader = reader
        self._treatment = treatment
        self._traces = traces
        self._channels: dict[tuple[str, int, int], Listening] = {}

    @property
    def complete(self) -> bool:
        return self._reader.complete

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events, raw = self._reader.feed(chunk)
        self.malformed = self._reader.malformed
        return (events, raw) if self._listened(events) else ([_broken()], b"")

    def end(self) -> list[StreamEvent]:
        events = self._reader.end()
        self.tail = self._reader.tail
        if self._listened(events) and self._ended():
            return events
        self.tail = b""
        return [_broken()]

    def _listened(self, events: Sequence[StreamEvent]) -> bool:
        """Whether they may go on."""
        for event in events:
            text = _words(event)
            if text:
                self._confessed(self._channel(event).heard(text))
        return not (self._treatment.blocks and self._treatment.confessed)

    def _ended(self) -> bool:
        for listening in self._channels.values():
            self._confessed(listening.found())
        return not (self._treatment.blocks and self._treatment.confessed)

    def _confessed(self, names: frozenset[str]) -> None:
        if names:
            self._treatment.confessed |= names

    def _channel(self, event: StreamEvent) -> Listening:
        index = event.index if isinstance(event, ToolCallDelta) else 0
        channel = type(event).__name__, getattr(event, "choice", 0), index
        found = self._channels.get(channel)
        if found is None:
            found = self._channels[channel] = Listening(self._traces)
        return found


def confession() -> Failure:
    message = "The answer says what the model was told in confidence."
    return Failure(FailureKind.CONTENT_FILTERED, message, code=CONFESSION)


def withheld(error: Blocked | Exhausted) -> Failure:
    """An answer is there, and is not given."""
    if isinstance(error, Blocked):
        message = f"A rule blocks what the answer says: {error.kind}."
        return Failure(FailureKind.CONTENT_FILTERED, message, code=BLOCKED)
    message = "The answer cannot be looked through for what must not be told."
    return Failure(FailureKind.CONTENT_FILTERED, message, code=UNSEARCHABLE)


def _broken() -> StreamEvent:
    return Broken(confession())


def _words(event: StreamEvent) -> str:
    if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
        return event.text
    return event.arguments if isinstance(event, ToolCallDelta) else ""


def _texts(data: Any) -> list[str]:
    """Every string in it."""
    left, found = [data], list[str]()
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return found
