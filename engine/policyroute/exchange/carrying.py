"""How an answer goes on when the attempt that began it breaks off: what was sent of it, and how the next one is asked.

Rule of this module: what the client has seen is the only truth. It is kept as the bytes that went out, and read again
only where an attempt broke off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from policyroute.decide.decision import Candidate, Decision
from policyroute.dialects import DIALECTS
from policyroute.dialects.translation import Frame, StreamWriter
from policyroute.events import SEMANTIC, ReasoningDelta, Started, StreamEvent, TextDelta, Usage
from policyroute.exchange.seam import Seam
from policyroute.request import ModelRequest, Operation

MOST_SENT: Final = 8 * 1024 * 1024
"""Bytes of an answer that can be gone on with."""
_BYTES_A_TOKEN: Final = 4


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
    """`sent` is what the client has seen, whole events of its dialect; `text` the words of it. `spent`: output tokens
    that were paid for it, about."""

    way: Way
    sent: bytes = field(repr=False)
    text: str = field(repr=False)

    @property
    def spent(self) -> int:
        return (len(self.text.encode("utf-8", "surrogatepass")) + _BYTES_A_TOKEN - 1) // _BYTES_A_TOKEN


def seam_of(carried: Carried) -> Seam:
    """Between what was sent and the answer to an attempt that carries it on."""
    text = carried.text
    left = text[len(text.rstrip()) :] if carried.way is Way.PREFILL else ""
    return Seam(text, afresh=carried.way is Way.AFRESH, left=left, spent=carried.spent)


@dataclass(frozen=True, slots=True)
class Terms:
    """`afresh_only`: no model can be asked to go on (with an answer that is bound to a schema). `prefills` says of a
    candidate whether it goes on with an answer that is begun for it."""

    afresh_only: bool
    prefills: Callable[[Candidate], bool]


class Carrying:
    """Of one exchange whose answer is streamed.

    `read` turns what was sent into events again; `resumed` is who goes on telling it. `terms`, asked once something
    broke off, are those of the request, None where nobody can go on with its answer.
    """

    def __init__(
        self,
        read: Callable[[bytes], Sequence[StreamEvent]],
        resumed: Callable[[bytes], StreamWriter],
        terms: Callable[[], Terms | None],
    ) -> None:
        self._read = read
        self._resumed = resumed
        self._terms = terms
        self._sent: list[bytes] = []
        self._size = 0
        self._unwelcome: list[Candidate] = []
        self._words: tuple[int, str | None] | None = None  # those of so many bytes

    @property
    def sent(self) -> bytes:
        return b"".join(self._sent)

    def emitted(self, raw: bytes) -> None:
        """The client gets this."""
        self._size += len(raw)
        if self._size <= MOST_SENT:
            self._sent.append(raw)

    @property
    def possible(self) -> bool:
        """Whether what was sent is words and nothing else, so that somebody can go on."""
        return self._terms() is not None and self._text() is not None

    @property
    def begun(self) -> set[int]:
        """The choices of which something was sent."""
        return {event.choice for event in self._read(self.sent) if isinstance(event, SEMANTIC)}

    def carried(self, candidate: Candidate) -> Carried | None:
        """For the next attempt, which is at this candidate."""
        terms, text = self._terms(), self._text()
        if terms is None or text is None:
            return None
        if terms.afresh_only or not text.strip():
            way = Way.AFRESH
        elif candidate not in self._unwelcome and terms.prefills(candidate):
            way = Way.PREFILL
        else:
            way = Way.INSTRUCT
        return Carried(way, self.sent, text)

    def ending(self, held: bytes, last: Sequence[StreamEvent]) -> bytes:
        """The end of an answer that said all but that it is over: `held` is what of it was not sent yet, `last` why it
        ended and what it cost."""
        writer = self._resumed(self.sent + held)
        return writer.write(last) + writer.end()

    def refused(self, candidate: Candidate) -> None:
        """It takes no answer that is begun for it."""
        self._unwelcome.append(candidate)

    def _text(self) -> str | None:
        """The words that were sent, None where there is more than words. Asked several times at one switch."""
        if self._words is None or self._words[0] != self._size:
            self._words = self._size, self._read_again()
        return self._words[1]

    def _read_again(self) -> str | None:
        if self._size > MOST_SENT:
            return None
        said: list[str] = []
        for event in self._read(self.sent):
            if isinstance(event, TextDelta) and event.choice == 0:
                said.append(event.text)
            elif not isinstance(event, Started | ReasoningDelta | Usage):
                return None
        return "".join(said)


def carrying(request: ModelRequest, decision: Decision, frame: Callable[[], Frame]) -> Carrying | None:
    """`frame` is what we tell answers with. None where the answer to this request ends where its attempt does."""
    if decision.fallback.mid_stream == "abort" or not request.stream or request.operation is not Operation.CHAT:
        return None
    dialect = DIALECTS[request.dialect]

    def read(sent: bytes) -> list[StreamEvent]:
        return dialect.stream().feed(sent)[0]

    return Carrying(read, lambda sent: dialect.resumed(frame(), sent), lambda: _terms(request, decision))


def _terms(request: ModelRequest, decision: Decision) -> Terms | None:
    """With tools, only where their calls are held: a model that is asked to go on may say in words what it would have
    called."""
    prompt = request.prompt
    if (prompt.n or 1) > 1 or (prompt.tools and not decision.hold.tools):
        return None
    bound = decision.expected is not None or (prompt.format is not None and prompt.format.type != "text")
    forced = prompt.choice is not None and prompt.choice.mode == "required"
    thinks = prompt.effort not in {None, "none"} or bool(prompt.thinking_tokens)
    return Terms(
        afresh_only=bound or decision.fallback.mid_stream == "restart",
        prefills=lambda candidate: candidate.traits.prefill and not (forced or thinks),
    )
