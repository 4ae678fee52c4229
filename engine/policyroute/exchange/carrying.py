"""How an answer goes on when the attempt that began it breaks off: what was sent of it, and how the next one is asked.

Rule of this module: what the client has seen is the only truth. It is kept as the bytes that went out, and read again
only where an attempt broke off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from policyroute.decide.decision import Candidate, Decision
from policyroute.dialects import DIALECTS
from policyroute.dialects.sent import resumed
from policyroute.dialects.shapes import utf8_length
from policyroute.dialects.translation import Frame, StreamWriter
from policyroute.events import SEMANTIC, ReasoningDelta, Started, StreamEvent, TextDelta, Usage
from policyroute.request import ModelRequest, Operation
from policyroute.request.estimate import estimated

MOST_SENT: Final = 8 * 1024 * 1024
"""Bytes of an answer that can be gone on with."""


class Way(StrEnum):
    """How a model is asked to go on."""

    PREFILL = "prefill"
    """With what was said as the beginning of its own answer."""
    INSTRUCT = "instruct"
    """With what was said as its last turn, and a turn of the user's that says to go on."""
    AFRESH = "afresh"
    """As the first was asked. Its answer has to begin as the one that was sent."""


@dataclass(frozen=True, slots=True)
class Carried:
    """`sent` is what the client has seen, whole events of its dialect; `text` the words of it."""

    way: Way
    sent: bytes = field(repr=False)
    text: str = field(repr=False)

    @property
    def spent(self) -> int:
        """Output tokens, about, that were paid for it beside those of the answer that goes on: usage told to the client
        covers the whole. An answer that says it again is paid for it again."""
        if self.way is Way.AFRESH:
            return 0
        return estimated(utf8_length(self.text))


Ways = Callable[[Candidate], Way]
"""How each candidate is asked to go on."""


class Said(NamedTuple):
    """The words of the `size` bytes that were sent. `alone`: there is nothing else in them that whoever goes on would
    have to know, and they are all there, which of an answer that is too long they are not. `begun` are the choices of
    which there is something."""

    size: int
    text: str
    alone: bool
    begun: frozenset[int]


class Carrying:
    """Of one exchange whose answer is streamed.

    `read` turns what was sent into events again; `resumed` is who goes on telling it. `ways`, asked once something
    broke off, are those of the request, None where nobody can go on with its answer.
    """

    def __init__(
        self,
        read: Callable[[bytes], Sequence[StreamEvent]],
        resumed: Callable[[bytes], StreamWriter],
        ways: Callable[[], Ways | None],
    ) -> None:
        self._read = read
        self._resumed = resumed
        self._ways = ways
        self._sent: list[bytes] = []
        self._size = 0
        self._unwelcome: list[Candidate] = []
        self._said = Said(-1, "", False, frozenset())

    @property
    def sent(self) -> bytes:
        return b"".join(self._sent)

    def emitted(self, raw: bytes) -> None:
        """The client gets this."""
        self._size += len(raw)
        if self._size <= MOST_SENT:
            self._sent.append(raw)

    @property
    def said(self) -> Said:
        """What was sent, read once a switch however often it is asked for."""
        if self._said.size != self._size:
            events = self._read(self.sent)
            words = [event.text for event in events if isinstance(event, TextDelta) and event.choice == 0]
            alone = self._size <= MOST_SENT and all(map(_is_carried, events))
            begun = frozenset(event.choice for event in events if isinstance(event, SEMANTIC))
            self._said = Said(self._size, "".join(words), alone, begun)
        return self._said

    @property
    def possible(self) -> bool:
        """Whether somebody can go on with what was sent."""
        return self._ways() is not None and self.said.alone

    def carried(self, candidate: Candidate) -> Carried | None:
        """For the next attempt, which is at this candidate."""
        ways, said = self._ways(), self.said
        if ways is None or not said.alone:
            return None
        way = ways(candidate) if said.text.strip() else Way.AFRESH
        if way is Way.PREFILL and candidate in self._unwelcome:
            way = Way.INSTRUCT
        return Carried(way, self.sent, said.text)

    def ending(self, held: bytes, last: Sequence[StreamEvent]) -> bytes:
        """The end of an answer that said all but that it is over: `held` is what of it was not sent yet, `last` why it
        ended and what it cost."""
        writer = self._resumed(self.sent + held)
        return writer.write(last) + writer.end()

    def refused(self, candidate: Candidate) -> None:
        """It takes no answer that is begun for it."""
        self._unwelcome.append(candidate)


def _is_carried(event: StreamEvent) -> bool:
    words = isinstance(event, TextDelta) and event.choice == 0
    return words or isinstance(event, Started | ReasoningDelta | Usage)


def carrying(request: ModelRequest, decision: Decision, frame: Callable[[], Frame]) -> Carrying | None:
    """`frame` is what we tell answers with. None where the answer to this request ends where its attempt does."""
    if decision.fallback.mid_stream == "abort" or not request.stream or request.operation is not Operation.CHAT:
        return None
    dialect = DIALECTS[request.dialect]

    def read(sent: bytes) -> list[StreamEvent]:
        return dialect.stream().feed(sent)[0]

    return Carrying(read, lambda sent: resumed(dialect.writer(frame()), sent), lambda: _ways(request, decision))


def _ways(request: ModelRequest, decision: Decision) -> Ways | None:
    """With tools, only where their calls are held: a model that is asked to go on may say in words what it would have
    called."""
    prompt = request.prompt
    if (prompt.n or 1) > 1 or (prompt.tools and not decision.hold.tools):
        return None
    bound = decision.expected is not None or (prompt.format is not None and prompt.format.type != "text")
    if bound or decision.fallback.mid_stream == "restart":
        return lambda _candidate: Way.AFRESH
    forced = prompt.choice is not None and prompt.choice.mode == "required"
    thinks = prompt.effort not in {None, "none"} or bool(prompt.thinking_tokens)
    begun = not (forced or thinks)
    return lambda candidate: Way.PREFILL if begun and candidate.traits.prefill else Way.INSTRUCT
