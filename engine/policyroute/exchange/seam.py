"""Where one answer goes on after another broke off: what was said already is taken out, and nothing else.

Rule of this module: what the client has seen stands. A text that repeats its end, or starts over, is new from where it
says more; one that starts over and says something else is no continuation, nor is one that leaves open what it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from policyroute.events import Broken, ReasoningDelta, Started, StreamEvent, TextDelta, Usage
from policyroute.exchange.carrying import Carried, Way
from policyroute.failures import Failure, FailureKind
from policyroute.health.places import DEPARTED

_TAIL: Final = 600
"""Characters: how far back a repetition of the end is looked for."""
_DEPARTS: Final = 32
"""Characters that are those of the beginning: from there on it is an answer that starts over."""
_BYTES: Final = 14
_SIGNS: Final = 5
"""Letters and digits, within so many bytes of UTF-8, that nobody says twice in a row by chance."""
_LETTERS: Final = 6
"""The same of letters in whole words."""
_WORD: Final = 3
"""Letters of a word that was cut and is said again from its first letter."""

_ELSE: Final = Failure(
    FailureKind.STREAM_BROKEN, "the answer that was to go on says something else than what was sent", code=DEPARTED
)
_UNCLEAR: Final = Failure(
    FailureKind.STREAM_BROKEN, "it could not be told where the answer that was to go on begins", code=DEPARTED
)


class Seam:
    """Between what was sent and the answer to the attempt that carries it on."""

    ended = False

    def __init__(self, carried: Carried) -> None:
        self._sent = sent = carried.text
        self._afresh = carried.way is Way.AFRESH
        self._prefilled = carried.way is Way.PREFILL
        self._left = sent[len(sent.rstrip()) :] if self._prefilled else ""  # which no model is shown there
        self._spent = carried.spent
        self._held: str | None = ""  # None once it is known where the new begins
        self._broken = False

    @property
    def holds(self) -> bool:
        """Whether something was said that is held back."""
        return bool(self._held)

    def passed(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        """What of these is for the client. Who an answer is by, and what was thought of it, was told before."""
        found: list[StreamEvent] = []
        for event in events:
            if self._broken:
                break
            if isinstance(event, Broken):
                self._broken = True
                found.append(event)
            elif isinstance(event, TextDelta):
                found += self._text(event)
            elif isinstance(event, Usage):
                found.append(event)
            elif not isinstance(event, Started | ReasoningDelta):
                found += self.rest()
                found += [] if self._broken else [event]
        return found

    def summed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """As the client is told: usage is that of the whole answer."""
        if not self._spent:
            return events
        return [replace(each, output=each.output + self._spent) if isinstance(each, Usage) else each for each in events]

    def rest(self) -> list[StreamEvent]:
        """No more text comes: what is held is told for what it is."""
        if self._held is None or self._broken:
            return []
        return self._settled(self._held, whole=True)

    def _text(self, event: TextDelta) -> list[StreamEvent]:
        if self._held is None or event.choice:
            return [event] if event.text else []
        self._held += event.text
        return self._settled(self._held, whole=False)

    def _settled(self, held: str, *, whole: bool) -> list[StreamEvent]:
        if not whole and self._is_open(held):
            return []
        found = self._again(held) if self._afresh else self._new(held, whole=whole)
        if isinstance(found, Failure):
            self._broken = True
            return [Broken(found)]
        self._held = None
        said = held[found:]
        return [TextDelta(said)] if said else []

    def _is_open(self, held: str) -> bool:
        """Whether more has to be heard before it can be told what this is."""
        if self._sent.startswith(held):
            return True
        if self._afresh or held.startswith(self._sent):
            return False
        tail = self._sent[-_TAIL:]
        return held in tail or self._in_word(held, tail)

    @staticmethod
    def _in_word(held: str, tail: str) -> bool:
        """It may be the word that was cut, said again."""
        size = _last_word(tail)
        return size >= _WORD and held == tail[-size:]

    def _again(self, held: str) -> int | Failure:
        if not self._sent.strip() and held.strip():
            return common(self._sent, held)  # nothing but blanks was sent: any answer may follow them
        return len(self._sent) if held.startswith(self._sent) else _ELSE

    def _new(self, held: str, *, whole: bool) -> int | Failure:
        """How many characters of it were said before."""
        sent = self._sent
        if held.startswith(sent):
            self._spent = 0  # it was paid for once more
            telling = any(map(str.isalpha, sent)) or _signs(sent) > 1
            listed = len(sent) <= _TAIL and _repeats(sent)  # a longer text is not said twice by chance
            return len(sent) if telling and not listed else _UNCLEAR
        blank = self._blank(held)
        again = self._repeated(held[blank:])
        if again is None and not self._prefilled:  # whoever was given the beginning has no reason to repeat any
            return _UNCLEAR
        if again:
            return blank + again
        if common(sent, held) >= _DEPARTS or (whole and held and sent.startswith(held) and _signs(held) >= _LETTERS):
            return _ELSE
        return blank

    def _repeated(self, said: str) -> int | None:
        """How many characters of it are the end of what was sent, said again; None where they may be meant to be there
        twice."""
        sent = self._sent
        tail = sent[-_TAIL:]
        for size in range(min(len(tail), len(said)), 0, -1):
            if not tail.endswith(said[:size]):
                continue
            if self._counts(said, size):
                return None if _is_of_a_list(said[:size], sent[:-size]) else size
            if size >= _BYTES and not said[:size].isspace():
                return None
        return 0

    def _counts(self, held: str, size: int) -> bool:
        """Whether a repetition of so many characters is one."""
        said = held[:size]
        if len(said.encode("utf-8", "surrogatepass")) >= _BYTES and _signs(said) >= _SIGNS:
            return True
        before = self._sent[-size - 1 : -size]
        if before.isalnum() and said[:1].isalnum():
            return False
        words = said.split()
        if len(words) > 1 and sum(map(str.isalpha, said)) >= _LETTERS:
            return True
        return size >= _WORD and said.isalpha() and held[size : size + 1].isalpha()

    def _blank(self, held: str) -> int:
        """White space that was sent, and not shown to the model, comes again."""
        if not self._left:
            return 0
        if held.startswith(self._left):
            return len(self._left)
        return len(held) - len(held.lstrip())


def _signs(said: str) -> int:
    return sum(map(str.isalnum, said))


def _last_word(said: str) -> int:
    """Letters at the end."""
    size = 0
    while size < len(said) and said[-size - 1].isalpha():
        size += 1
    return size


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many characters, or texts, both begin with."""
    size = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        size += 1
    return size


def _is_of_a_list(said: str, before: str) -> bool:
    """Whether it may be meant to be there once more than it was sent: whole lines, wherever in one it begins, and what
    was said twice already."""
    _, line, begun = said.rpartition("\n")
    lines = line != "" and f"\n{before}".endswith(f"\n{begun}")
    return lines or said in before or _repeats(said)


def _repeats(said: str) -> bool:
    """Whether it is something shorter, said twice or more: then it is anybody's guess how often it was meant."""
    borders = [0]
    for at in range(1, len(said)):
        size = borders[-1]
        while size and said[at] != said[size]:
            size = borders[size - 1]
        borders.append(size + (said[at] == said[size]))
    return (len(said) - borders[-1]) * 2 <= len(said)
