"""Whose turn it is: which candidate an exchange tries next after a failure, and how long it waits before.

Rule of this module: one pass over the candidates, in order, never back; no jitter, so that a record replays. After a
failure of a place the order is another: who falls together with it comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policyroute.absent import Absent
from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.pinning import PINNED
from policyroute.decide.resolved import ResolvedFallback
from policyroute.exchange.elsewhere import apart_first, domains
from policyroute.failures import Failure, FailureKind
from policyroute.health.places import is_the_places
from policyroute.health.together import Domain
from policyroute.record import Skipped

SHORT_WAIT = 2.0
"""Seconds: a provider's Retry-After up to this is waited out, a longer one is a reason to go elsewhere. Who a
conversation is pinned to is waited for as long as the policy says."""

UNSTATED_WAIT = 1.0
"""Seconds to wait for a rate limit that does not say how long, where there is nowhere else to go."""

RETRYABLE = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.OVERLOADED,
        FailureKind.TIMEOUT_CONNECT,
        FailureKind.UNAVAILABLE,
        FailureKind.STREAM_BROKEN,
        FailureKind.EMPTY,
        FailureKind.SCHEMA_INVALID,
    }
)
"""Failures that the same candidate may not repeat. All others would: asking again only costs time and money."""

_ACCOUNT_WIDE = frozenset({FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED})

_OF_A_KEY = _ACCOUNT_WIDE | {FailureKind.RATE_LIMITED}
"""Failures that another key of the same provider may not meet."""

SpareKey = Callable[[Candidate], bool]
"""Whether the candidate's provider has a key that may be used now and was not tried in this exchange."""

Eligible = Callable[[Candidate, float], Excluded | Failure | None]
"""None: it may be asked. A failure is as good as tried and failed: nobody has to ask to know."""

Arrange = Callable[[tuple[Candidate, ...]], tuple[Candidate, ...]]
"""Those that were not asked yet, in the order that holds now."""

Ended = Callable[[str, Failure | None, float | None], None]
"""An attempt is over, with this outcome and trouble, and after so many seconds to its first event."""


class Recourse(StrEnum):
    """What a failure is to lead to, where it is not up to its kind."""

    USUAL = "usual"
    AGAIN = "again"
    """The same candidate, at once: it will be asked in another way."""
    ELSEWHERE = "elsewhere"
    """Another candidate, whatever the kind: what was wrong is that this one was asked as the client never did."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The candidate at `place` may be tried at time `at`."""

    place: int
    at: float


class Turns:
    """What was tried so far and what its failures rule out. `candidates` is the order as it is by now. `max_wait`:
    seconds that are waited at most, all in all, for the candidate that the conversation is pinned to."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        fallback: ResolvedFallback,
        spare_key: SpareKey,
        max_wait: float,
        arrange: Arrange | None = None,
    ) -> None:
        self._max_wait = max_wait
        self._arrange = arrange
        self.candidates = tuple(candidates)
        self._fallback = fallback
        self._spare_key = spare_key
        self._uncounted = False
        self._attempts = 0
        self._retries = 0
        self._swaps = 0
        self._last: int | None = None
        self._closed: set[object] = set()
        self._window = 0
        self._shaken: set[Domain] = set()
        self._before: tuple[int | None, int, int, int] = (None, 0, 0, 0)

    def taken(self, place: int) -> None:
        """The candidate at `place` is being tried now."""
        self._before = self._last, self._swaps, self._retries, self._attempts
        if self._last != place:
            self._swaps += self._last is not None
            self._retries = 0
        elif not self._uncounted:
            self._retries += 1
        self._uncounted = False
        self._last = place
        self._attempts += 1

    def withdrawn(self) -> int:
        """It is not, after all, and counts for nothing: its place."""
        place = self._last
        assert place is not None, "one is being tried"
        self._last, self._swaps, self._retries, self._attempts = self._before
        return place

    def after(self, failure: Failure, now: float, deadline: float, recourse: Recourse = Recourse.USUAL) -> Turn | None:
        """Who is next now that the last one failed; None where nobody is. No turn begins at the deadline or later."""
        place = self._last
        if place is None or _is_the_clients(failure) or (recourse is Recourse.USUAL and not self.goes_on(failure)):
            return None
        candidate = self.candidates[place]
        other_key = recourse is Recourse.USUAL and failure.kind in _OF_A_KEY and self._spare_key(candidate)
        self._uncounted = other_key or recourse is Recourse.AGAIN
        if not other_key:
            self._learn(candidate, failure.kind)
        if is_the_places(failure):
            self._shaken.update(domains(candidate.provider))
            self.candidates = (*self.candidates[: place + 1], *apart_first(self.candidates[place + 1 :], self._shaken))
        if self._attempts >= self._fallback.max_attempts:
            return None
        if self._uncounted:
            return Turn(place, now) if now < deadline else None
        other = self.following(place)
        alone = other is None and len(candidate.provider.api_keys) < 2
        wait = self._wait(candidate, failure, alone=alone) if recourse is Recourse.USUAL else None
        if wait is not None and now + wait < deadline:
            self._waits(candidate, wait)
            return Turn(place, now + wait)
        if other is not None and now + self._fallback.swap_delay < deadline:
            return Turn(other, now + self._fallback.swap_delay)
        return None

    def sits_out(self, place: int, out: Excluded | Failure, now: float, deadline: float) -> Turn | None:
        """When the candidate at `place` is asked, where it is worth waiting until it can be: it is the one that the
        conversation is pinned to, and says when it will be ready."""
        candidate = self.candidates[place]
        if candidate.why != PINNED or not isinstance(out, Failure) or out.retry_after is None:
            return None
        if out.retry_after > self._max_wait or now + out.retry_after >= deadline:
            return None
        self._waits(candidate, out.retry_after)
        return Turn(place, now + out.retry_after)

    def _waits(self, candidate: Candidate, wait: float) -> None:
        if candidate.why == PINNED:
            self._max_wait -= wait

    def wants_others(self, failure: Failure) -> bool:
        """Whether others would be asked after this, the last failure, if there were any. A prompt that is too long
        would not fit there either, as far as anybody knows."""
        fallback = self._fallback
        if failure.kind not in fallback.after or failure.kind is FailureKind.CONTEXT_OVERFLOW:
            return False
        spent = self._attempts >= fallback.max_attempts or self._swaps >= fallback.max_swaps
        return self._last is None or not (spent or self.following(self._last) is not None)

    @property
    def could_go_on(self) -> bool:
        """Whether anybody could take over should the last one break."""
        if self._last is None or self._attempts >= self._fallback.max_attempts:
            return False
        return self._fallback.retries > 0 or self.following(self._last) is not None

    def goes_on(self, failure: Failure) -> bool:
        """Whether somebody else may be asked after this. A key that the client did not send is nobody's failure."""
        return failure.kind in self._fallback.after or _is_the_clients(failure)

    def following(self, place: int) -> int | None:
        """The next candidate that nothing so far rules out."""
        if self._last is not None and self._swaps >= self._fallback.max_swaps:
            return None
        if self._arrange is not None:
            later = self.candidates[place + 1 :]
            if (arranged := self._arrange(later)) is not later:
                self.candidates = (*self.candidates[: place + 1], *arranged)
        for each in range(place + 1, len(self.candidates)):
            if self.ruled_out(each) is None:
                return each
        return None

    def ruled_out(self, place: int) -> str | None:
        """Why a failure so far makes the candidate at `place` pointless, as a code."""
        candidate = self.candidates[place]
        if _account(candidate) in self._closed:
            return "same_account"
        if _model(candidate) in self._closed:
            return "same_model"
        window = candidate.spec.context_window
        if self._window and (isinstance(window, Absent) or window <= self._window):
            return "context_window"
        return None

    def passed(self, place: int) -> list[Skipped]:
        """The candidates between the last one tried and `place` that failures so far rule out."""
        start = 0 if self._last is None else self._last + 1
        if start >= place or not (self._closed or self._window):
            return []
        between = [(candidate, self.ruled_out(start + n)) for n, candidate in enumerate(self.candidates[start:place])]
        return [Skipped(out.target, out.provider.name, code) for out, code in between if code is not None]

    def _learn(self, candidate: Candidate, kind: FailureKind) -> None:
        """What no other key would change. Who has several keys knows which of them may still be used."""
        if kind in _ACCOUNT_WIDE and len(candidate.provider.api_keys) < 2:
            self._closed.add(_account(candidate))
        elif kind is FailureKind.MODEL_NOT_FOUND:
            self._closed.add(_model(candidate))
        elif kind is FailureKind.CONTEXT_OVERFLOW:
            window = candidate.spec.context_window
            # No window is known to be larger than an unknown one.
            self._window = _BEYOND_ALL if isinstance(window, Absent) else max(self._window, window)

    def _wait(self, candidate: Candidate, failure: Failure, *, alone: bool) -> float | None:
        """Seconds until the same candidate may be asked again; None where it should not be."""
        if failure.kind not in RETRYABLE or self._retries >= self._fallback.retries:
            return None
        pause: float = self._fallback.swap_delay * 2**self._retries
        if failure.retry_after is not None:
            pause = max(pause, failure.retry_after)
            longest = self._max_wait if candidate.why == PINNED else SHORT_WAIT
            return pause if failure.retry_after <= longest else None
        if failure.kind is FailureKind.RATE_LIMITED:
            return max(pause, UNSTATED_WAIT) if alone else None
        return pause


_BEYOND_ALL = 2**63


def _is_the_clients(failure: Failure) -> bool:
    """A provider key of the client's own that is missing or was refused: its mistake, which nobody else would see."""
    return failure.client_key and failure.kind is FailureKind.AUTH


def _account(candidate: Candidate) -> object:
    provider = candidate.provider
    return provider.base_url, provider.api_keys, provider.name if provider.client_key else None


def _model(candidate: Candidate) -> object:
    return candidate.provider.base_url, candidate.model
