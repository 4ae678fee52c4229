"""What traffic teaches about the size of prompts at each place: how many tokens they count, and how many really fit.

Rule of this module: what a provider says of a prompt goes above any estimate, and is forgotten in time: a window that
was found to be smaller than declared gets another chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from policyroute.decide.state import Counted, Place
from policyroute.failures import FailureKind
from policyroute.record import AttemptRecord

FORGOTTEN_AFTER: Final = 3600.0
"""Seconds until a learnt window counts no more."""
SMALLEST: Final = 1024
"""Tokens of the smallest window that is believed."""
SAMPLED: Final = 16
"""One answer in so many is compared with the estimate: estimating costs more than the comparison is worth."""
_STEP: Final = 0.2
"""How much one sample moves the ratio."""
_RATIOS: Final = (0.2, 5.0)
"""Beyond these something else was counted than the prompt's text: images, hidden instructions."""


class _Learnt:
    __slots__ = ("ratio", "seen", "window")

    def __init__(self) -> None:
        self.ratio = 1.0
        self.seen = 0
        self.window: int | None = None


class Windows(Mapping[Place, Counted]):
    """A live view, by place; only of places that taught anything. `clock` is in seconds.

    `narrowed` are the places whose window is known to be smaller than declared, each with until when that counts.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.narrowed: dict[Place, float] = {}
        self._clock = clock
        self._places: dict[Place, _Learnt] = {}

    def add(self, attempt: AttemptRecord, estimate: Callable[[], int]) -> int | None:
        """Learn from an attempt that is over. `estimate` is the prompt's tokens, asked for only where it is needed.
        Gives the window that was learnt, if one was."""
        place = attempt.target, attempt.provider
        if attempt.outcome == FailureKind.CONTEXT_OVERFLOW:
            return self._overflowed(place, estimate(), attempt.max_tokens or 0)
        if attempt.outcome != "ok" or not attempt.input_tokens:
            return None
        if attempt.finish == "length" and attempt.max_tokens is None and attempt.output_tokens:
            return self._narrowed(place, attempt.input_tokens + attempt.output_tokens)
        learnt = self._at(place)
        if learnt.seen % SAMPLED == 0 and (guessed := estimate()):
            least, most = _RATIOS
            ratio = min(max(attempt.input_tokens / guessed, least), most)
            learnt.ratio += (ratio - learnt.ratio) * (_STEP if learnt.seen else 1.0)
        learnt.seen += 1
        return None

    def _overflowed(self, place: Place, estimate: int, asked: int) -> int | None:
        """A prompt that was too long, unless it was the answer that was asked for with it. No model in use takes as
        little as some providers say when something else is wrong."""
        prompt = int(estimate * self._at(place).ratio)
        return None if asked > prompt or prompt < SMALLEST else self._narrowed(place, prompt + asked - 1)

    def _at(self, place: Place) -> _Learnt:
        learnt = self._places.get(place)
        if learnt is None:
            learnt = self._places[place] = _Learnt()
        return learnt

    def _narrowed(self, place: Place, window: int) -> int:
        known = self[place].window if place in self._places else None
        learnt = self._at(place)
        learnt.window = window if known is None else min(known, window)
        self.narrowed[place] = self._clock() + FORGOTTEN_AFTER
        return learnt.window

    def __getitem__(self, key: Place) -> Counted:
        learnt = self._places[key]
        if key in self.narrowed and self._clock() >= self.narrowed[key]:
            del self.narrowed[key]
            learnt.window = None
        return Counted(learnt.window, learnt.ratio)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
