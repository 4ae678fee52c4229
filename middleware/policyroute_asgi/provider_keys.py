"""Which key of a provider an attempt goes with: pools of keys, and the cool-downs of each key.

Rule of this module: a key is never told. What is kept of one is when it may be used again, by its account (base URL and
value), so that a key that is changed begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final
from zlib import crc32

from policyroute.failures import Failure, FailureKind
from policyroute.policy.model import Provider
from policyroute_asgi.secrets import Key

logger = logging.getLogger("policyroute.keys")

RATE_WINDOW: Final = 10.0
"""Seconds that a key which is rate-limited rests where the provider does not say how long."""
ACCOUNT_WINDOW: Final = 300.0
"""The same for one whose quota is used up."""
REFUSED_WINDOW: Final = 600.0
"""The same for one that was refused, unless the keys change before: even that may have been the provider's mistake."""
NO_KEY: Final = "no_usable_key"

READY: Final = "ready"
STATES: tuple[str, ...] = (
    READY,
    FailureKind.RATE_LIMITED.value,
    FailureKind.QUOTA_EXHAUSTED.value,
    FailureKind.AUTH.value,
)
_ALL: Final = ""
"""In place of a model: all of them."""

Pools = Mapping[str, tuple[Key, ...]]


Rest = tuple[float, FailureKind]
"""Until when a key may not be used, and why."""


class _Account:
    """What is known of one key. `rests` says until when, for each model and reason."""

    __slots__ = ("open", "rests", "turn")

    def __init__(self) -> None:
        self.open = 0
        self.turn = 0
        self.rests: dict[tuple[str, FailureKind], float] = {}

    def resting(self, model: str, now: float) -> Rest | None:
        """The longest of its rests that concern the model."""
        found = [(until, kind) for (each, kind), until in self.rests.items() if until > now and each in (model, _ALL)]
        return max(found, default=None)


class ProviderKeys:
    """The keys of one process, on one clock (seconds). Other processes have their own, and learn for themselves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._pools: Pools = {}
        self._providers: Mapping[str, Provider] = {}
        self._turn = 0

    def use(self, pools: Pools, providers: Mapping[str, Provider]) -> None:
        """These are the keys from now on. Keys that are gone are forgotten, and every key that is left gets a chance
        to be accepted."""
        if pools is self._pools and providers is self._providers:
            return
        self._pools, self._providers = pools, providers
        kept = {(provider.base_url, key.value) for name, provider in providers.items() for key in pools.get(name, ())}
        for gone in [each for each, account in self._accounts.items() if each not in kept and not account.open]:
            del self._accounts[gone]
        for account in self._accounts.values():
            account.rests = {about: until for about, until in account.rests.items() if about[1] is not FailureKind.AUTH}

    def choose(
        self, provider: Provider, pool: tuple[Key, ...], model: str, conversation: str, tried: Container[Key]
    ) -> Key | Failure:
        """The key to go with, or why none may be used. `tried` come last.

        A conversation stays with one key as long as that may be used, since prompt caches belong to accounts. Else it
        is the key with the fewest open attempts, and of several the one that waited longest. A key that is alone is
        used whatever it rests for, unless it was refused.
        """
        now = self._clock()
        if len(pool) == 1:
            refused = self._refused(provider, pool[0], now)
            return pool[0] if refused is None else _none_left([refused], now)
        rests = [self._rest(provider, key, model, now) for key in pool]
        usable = [key for key, rest in zip(pool, rests, strict=True) if rest is None]
        fresh = [key for key in usable if key not in tried] or usable
        if not fresh:
            return _none_left([rest for rest in rests if rest is not None], now)
        if conversation:
            first = crc32(conversation.encode()) % len(pool)
            return next(key for key in pool[first:] + pool[:first] if key in fresh)
        return min(fresh, key=lambda key: self._busy(provider, key))

    def has_other(self, provider: Provider, pool: tuple[Key, ...], model: str, tried: Container[Key]) -> bool:
        """Whether a key may be used now that is none of those tried."""
        now = self._clock()
        return any(key not in tried and self._rest(provider, key, model, now) is None for key in pool)

    def opened(self, provider: Provider, key: Key) -> None:
        place = (provider.base_url, key.value)
        account = self._accounts.get(place)
        if account is None:
            account = self._accounts[place] = _Account()
        self._turn += 1
        account.turn = self._turn
        account.open += 1

    def closed(self, provider: Provider, key: Key) -> None:
        self._accounts[provider.base_url, key.value].open -= 1

    def failed(self, provider: Provider, key: Key, model: str, failure: Failure) -> None:
        """Learn from a failure of an attempt that is open with this key.

        Only status 401 is about the key itself: a 403 may be about the model asked for, or about what a prompt says.
        """
        kind, stated = failure.kind, failure.retry_after
        if kind is FailureKind.RATE_LIMITED:
            self._let_rest(provider, key, model, RATE_WINDOW if stated is None else stated, kind)
        elif kind is FailureKind.QUOTA_EXHAUSTED:
            if self._let_rest(provider, key, _ALL, ACCOUNT_WINDOW if stated is None else stated, kind):
                logger.warning("provider %s: the quota of the key at %s is used up", provider.name, key.place)
        elif (
            kind is FailureKind.AUTH
            and failure.status == 401
            and self._let_rest(provider, key, _ALL, REFUSED_WINDOW, kind)
        ):
            logger.error(
                "provider %s REFUSES THE KEY at %s: it is not used for %g s, or until the keys change",
                provider.name,
                key.place,
                REFUSED_WINDOW,
            )

    def states(self) -> Iterator[tuple[str, str, int]]:
        """(provider, state, number of keys) for each of STATES of every provider that has keys. From any thread."""
        now = self._clock()
        providers = self._providers
        for name, pool in self._pools.items():
            counts = dict.fromkeys(STATES, 0)
            provider = providers.get(name)
            if provider is None:  # there is a new policy in between
                continue
            for key in pool:
                account = self._accounts.get((provider.base_url, key.value))
                rests = [(until, kind) for (_, kind), until in account.rests.items()] if account else []
                until, kind = max(rests, default=(now, FailureKind.AUTH))
                counts[kind.value if until > now else READY] += 1
            yield from ((name, state, count) for state, count in counts.items())

    def _rest(self, provider: Provider, key: Key, model: str, now: float) -> Rest | None:
        account = self._accounts.get((provider.base_url, key.value))
        return account.resting(model, now) if account is not None and account.rests else None

    def _refused(self, provider: Provider, key: Key, now: float) -> Rest | None:
        account = self._accounts.get((provider.base_url, key.value))
        until = account.rests.get((_ALL, FailureKind.AUTH), 0.0) if account is not None else 0.0
        return (until, FailureKind.AUTH) if until > now else None

    def _busy(self, provider: Provider, key: Key) -> tuple[int, int]:
        account = self._accounts.get((provider.base_url, key.value))
        return (account.open, account.turn) if account else (0, 0)

    def _let_rest(self, provider: Provider, key: Key, model: str, seconds: float, kind: FailureKind) -> bool:
        """Whether this is news."""
        account = self._accounts[provider.base_url, key.value]
        now = self._clock()
        rests = {about: until for about, until in account.rests.items() if until > now}
        known = rests.get((model, kind))
        rests[model, kind] = max(now + seconds, known or now)
        account.rests = rests  # as a whole: `states` may be reading
        return known is None


def _none_left(rests: list[Rest], now: float) -> Failure:
    """Every key rests: told as what the first of them that may be used again rests for."""
    waiting = [rest for rest in rests if rest[1] is not FailureKind.AUTH] or rests
    until, kind = min(waiting)
    return Failure(kind, "No key of the provider may be used now.", code=NO_KEY, retry_after=until - now)
