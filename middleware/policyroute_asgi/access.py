"""The keys of one request: which key each of its attempts goes with, and what is learnt from how it ends.

Rule of this module: a key of ours and a key of the caller's are never taken for each other. What happens to the
caller's own is told to the caller, and nothing of ours rests for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from policyroute.decide.decision import Candidate
from policyroute.failures import Failure, FailureKind
from policyroute_asgi.brought_keys import NO_KEYS, BroughtKeys, missing, refused
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.provider_keys import Pools, ProviderKeys
from policyroute_asgi.secrets import Key
from policyroute_asgi.tokens import Given, Tokens

_NOBODY: frozenset[Key] = frozenset()


def _anyone(_: Candidate) -> bool:
    return False


class Settings(Protocol):
    """What is needed here of an `Active`."""

    @property
    def keys(self) -> Pools: ...
    @property
    def connections(self) -> Mapping[str, Connection]: ...


class Access:
    """`active` has the keys of ours and how each provider is connected to, `client` are the caller's keys.

    `one_key` is asked where there are several: whether the request, as this candidate gets it, refers to what an
    account keeps. Two keys of a provider may be of two accounts, so that the first one stays. `tokens` are shown for
    keys that have a grant.
    """

    __slots__ = ("_active", "_client", "_conversation", "_first", "_keys", "_one_key", "_tokens", "_tried")

    def __init__(  # noqa: PLR0913 - one name for each thing that a request brings
        self,
        keys: ProviderKeys,
        active: Settings,
        conversation: str = "",
        client: BroughtKeys = NO_KEYS,
        *,
        tokens: Tokens,
        one_key: Callable[[Candidate], bool] = _anyone,
    ) -> None:
        self._keys = keys
        self._active = active
        self._conversation = conversation
        self._client = client
        self._one_key = one_key
        self._tokens = tokens
        self._first: dict[str, Key] = {}
        self._tried: dict[tuple[str, str], frozenset[Key]] = {}

    def pick(self, candidate: Candidate) -> Key | Failure | None:
        """The key for an attempt at this candidate; None where its provider asks for none, else why there is none."""
        provider = candidate.provider
        if provider.client_key:
            brought = self._client.of(provider)
            return missing(provider) if brought is None else Key("client", brought)
        pool = self._pool(candidate)
        if pool is None:
            return None
        tried = self._tried.get(_place(candidate), _NOBODY)
        return self._keys.choose(provider, pool, candidate.model, self._conversation, tried)

    def has_other(self, candidate: Candidate) -> bool:
        """Whether its provider has a key that may be used now and was not tried for this model."""
        pool = self._pool(candidate) or ()
        tried = self._tried.get(_place(candidate), _NOBODY)
        return self._keys.has_other(candidate.provider, pool, candidate.model, tried)

    def connection(self, candidate: Candidate) -> Connection | None:
        """How its provider is to be connected to, None as usual."""
        return self._active.connections.get(candidate.provider.name)

    async def token(self, candidate: Candidate, key: Key) -> Given | Failure:
        """What the provider is shown of a key that has a grant."""
        return await self._tokens.of(key, self.connection(candidate))

    def refused(self, key: Key, given: Given) -> None:
        """The provider does not take this token any more."""
        self._tokens.refused(key, given)

    def opened(self, candidate: Candidate, key: Key | None) -> None:
        """An attempt begins with what `pick` gave. `closed` follows."""
        if key is not None and not candidate.provider.client_key:
            self._first.setdefault(candidate.provider.name, key)
            self._keys.opened(candidate.provider, key)

    def closed(self, candidate: Candidate, key: Key | None) -> None:
        if key is not None and not candidate.provider.client_key:
            self._keys.closed(candidate.provider, key)

    def _pool(self, candidate: Candidate) -> tuple[Key, ...] | None:
        """The keys that an attempt may go with; None where its provider asks for none."""
        pool = self._active.keys.get(candidate.provider.name)
        if pool is None or len(pool) < 2:
            return pool
        first = self._first.get(candidate.provider.name)
        return (first,) if first is not None and self._one_key(candidate) else pool

    def learn(self, candidate: Candidate, key: Key | None, failure: Failure) -> Failure:
        """What the failure of an open attempt means for its key, and as what it is to be told."""
        provider = candidate.provider
        if provider.client_key:
            if failure.kind is FailureKind.AUTH:
                return refused(provider, failure.status)
            return replace(failure, client_key=True)
        if key is not None:
            place = _place(candidate)
            self._tried[place] = self._tried.get(place, _NOBODY) | {key}
            self._keys.failed(provider, key, candidate.model, failure)
        return failure


def _place(candidate: Candidate) -> tuple[str, str]:
    return candidate.provider.name, candidate.model
