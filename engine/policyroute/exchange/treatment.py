"""What is done about an answer between its provider and the client: labelled text is listened for, what rules of
answers look for is replaced, pseudonyms become values again.

Rule of this module: in this order, and of whole answers as of streamed ones. What cannot be looked through is not told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from policyroute.dialects.dialect import StreamReader
from policyroute.dialects.translated import Stage
from policyroute.events import Broken, StreamEvent
from policyroute.exchange.passage import BLOCKED, CONFESSION, UNSEARCHABLE
from policyroute.exhausted import Exhausted
from policyroute.failures import Failure, FailureKind
from policyroute.redact.censoring import Censoring, censored
from policyroute.redact.channels import Channel, told
from policyroute.redact.logprobs import without_logprobs
from policyroute.redact.modes import Blocked
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.replacing import Redaction
from policyroute.redact.restoring import Restoring, restored
from policyroute.scrub import Listening, Traces, overheard

BLOCK: Final = "block"


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
        try:
            data: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        if self.traces is not None:
            self.confessed = overheard(data, self.traces)
            if self.blocks and self.confessed:
                return confession()
        return self._told(data, body)

    def _told(self, data: Any, body: bytes) -> bytes | Failure:
        try:
            new = without_logprobs(data) if self.tells else data
            new = censored(new, self.censors, json=self.json) if self.censors is not None else new
            if self.pseudonyms is not None:
                new = restored(new, self.pseudonyms, in_urls=self.in_urls, json=self.json)
        except (Blocked, Exhausted) as error:
            return withheld(error)
        return body if new is data else orjson.dumps(new)


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
        self._channels = defaultdict[Channel, Listening](lambda: Listening(traces))

    @property
    def complete(self) -> bool:
        return self._reader.complete

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        events, raw = self._reader.feed(chunk)
        self.malformed = self._reader.malformed
        return (events, raw) if self._listened(events) else ([Broken(confession())], b"")

    def end(self) -> list[StreamEvent]:
        events = self._reader.end()
        self.tail = self._reader.tail
        if self._listened(events, ended=True):
            return events
        self.tail = b""
        return [Broken(confession())]

    def _listened(self, events: Sequence[StreamEvent], *, ended: bool = False) -> bool:
        """Whether they may go on."""
        treatment = self._treatment
        for event in events:
            said = told(event)
            if said is not None and said[1] and (names := self._channels[said[0]].heard(said[1])):
                treatment.confessed |= names
        if ended:
            treatment.confessed = treatment.confessed.union(*(each.found() for each in self._channels.values()))
        return not (treatment.blocks and treatment.confessed)


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
