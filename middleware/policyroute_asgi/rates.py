"""What each client may use: requests and tokens in any sixty seconds, and requests open at once.

Rule of this module: a request is counted when it is let in, its prompt by the estimate; what the provider says that it
used is set right when it is over. Clients without limits cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from policyroute.dialects import ClientError
from policyroute.policy.model import RateLimit
from policyroute_asgi.load import Refused
from policyroute_asgi.usage import SharedUsage

WINDOW: Final = 60
"""Seconds, in steps of one."""
_PUBLISH: Final = 0.25
"""Seconds between two tellings of what was used here to the other processes."""
_OPEN_AGAIN: Final = 1.0
"""Seconds told to a client with too much open: its own requests end when they end."""

Used = tuple[float, float, float]
"""Requests and tokens of the last sixty seconds, and requests open now."""
_NOTHING: Final[Used] = (0.0, 0.0, 0.0)


class Rolling:
    """A sum over the last sixty seconds, exact to a second. `now` is seconds on a clock that never goes back."""

    __slots__ = ("_counts", "_second", "_total")

    def __init__(self) -> None:
        self._counts = [0.0] * WINDOW
        self._second = 0
        self._total = 0.0

    def add(self, amount: float, now: float) -> None:
        """`amount` may be negative, where too much was added before."""
        self._advance(now)
        self._counts[self._second % WINDOW] += amount
        self._total += amount

    def total(self, now: float) -> float:
        self._advance(now)
        return max(0.0, self._total)

    def until(self, excess: float, now: float) -> float:
        """Seconds until the sum has dropped by `excess`; the whole window where it has not so much."""
        self._advance(now)
        for ago in range(WINDOW - 1, -1, -1):
            excess -= self._counts[(self._second - ago) % WINDOW]
            if excess <= 0:
                return self._second - ago + WINDOW - now
        return float(WINDOW)

    def _advance(self, now: float) -> None:
        second = int(now)
        if second == self._second:
            return
        for passed in range(max(self._second + 1, second - WINDOW + 1), second + 1):
            self._total -= self._counts[passed % WINDOW]
            self._counts[passed % WINDOW] = 0.0
        self._second = second


class _Use:
    __slots__ = ("open", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = Rolling()
        self.tokens = Rolling()
        self.open = 0

    def now(self, now: float) -> Used:
        return self.requests.total(now), self.tokens.total(now), float(self.open)


class Charge:
    """One request of a limited client, from being let in to its end."""

    __slots__ = ("_clock", "_limit", "_others", "_tokens", "_use")

    def __init__(self, use: _Use, limit: RateLimit, others: Used, clock: Callable[[], float]) -> None:
        self._use = use
        self._limit = limit
        self._others = others
        self._clock = clock
        self._tokens = 0

    def tokens(self, estimate: int) -> None:
        """Count the prompt. Raises Refused where the tokens of this minute are used up."""
        limit, now = self._limit.tpm, self._clock()
        if limit is not None:
            used = self._use.tokens.total(now) + self._others[1]
            if used + estimate > limit:
                if estimate > limit:
                    raise Refused(_too_large(limit))
                wait = self._use.tokens.until(used + estimate - limit, now)
                raise Refused(_limited(f"{limit} tokens a minute", wait))
        self._use.tokens.add(estimate, now)
        self._tokens = estimate

    def end(self, tokens: int | None) -> None:
        """The request is over. `tokens` is what was used in all, None where nobody said."""
        self._use.open -= 1
        if tokens is not None:
            self._use.tokens.add(tokens - self._tokens, self._clock())


class Rates:
    """The use of every limited client of this process. `clock` never goes back, seconds; `shared` is None
    where there are no other processes."""

    def __init__(self, clock: Callable[[], float], shared: SharedUsage | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._uses: dict[str, _Use] = {}
        self._telling: asyncio.TimerHandle | None = None

    def admit(self, client: str, limit: RateLimit) -> Charge:
        """Let one request of this client in. Raises Refused where that is more than its limit."""
        now = self._clock()
        use = self._uses.get(client)
        if use is None:
            use = self._uses[client] = _Use()
        others = self._elsewhere(client)
        if limit.concurrency is not None and use.open + others[2] >= limit.concurrency:
            raise Refused(_limited(f"{limit.concurrency} requests at once", _OPEN_AGAIN))
        if limit.rpm is not None:
            made = use.requests.total(now) + others[0]
            if made >= limit.rpm:
                raise Refused(_limited(f"{limit.rpm} requests a minute", use.requests.until(made - limit.rpm + 1, now)))
        use.requests.add(1, now)
        use.open += 1
        if self._telling is None and self._shared is not None:
            self._telling = asyncio.get_running_loop().call_later(_PUBLISH, self._tell)
        return Charge(use, limit, others, self._clock)

    def _elsewhere(self, client: str) -> Used:
        found = self._shared.others.get(client) if self._shared is not None else None
        return _NOTHING if found is None else (found[0], found[1], found[2])

    def _tell(self) -> None:
        """Goes on as long as there is something to tell: what was used a minute ago is not used any more."""
        now = self._clock()
        self._telling = None
        values = {client: use.now(now) for client, use in self._uses.items()}
        if self._shared is not None:
            self._shared.publish(values)
        for client, used in values.items():
            if used == _NOTHING:
                del self._uses[client]
        if self._uses:
            self._telling = asyncio.get_running_loop().call_later(_PUBLISH, self._tell)


def _limited(what: str, wait: float) -> ClientError:
    return ClientError(
        429, "client_rate_limited", f"You may have {what} here.", retry=True, retry_after=max(wait, _OPEN_AGAIN)
    )


def _too_large(limit: int) -> ClientError:
    return ClientError(429, "client_rate_limited", f"The prompt alone is more than your {limit} tokens a minute.")
