"""Tokens of accounts: one at a time for each, renewed before it ends, and who waits for it.

Rule of this module: an account's endpoint is asked once at a time however many requests want its token, and not at
once again after it failed. Neither a token nor what it was got with is in a message, a log or a repr.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import urlencode

import orjson

from policyroute.exchange.payload import Outbound
from policyroute.failures import Failure, FailureKind
from policyroute_asgi.grants import Grant, Unusable
from policyroute_asgi.inflate import plain
from policyroute_asgi.outward import Sender, whole
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.secrets import Key
from policyroute_asgi.trouble import TRANSPORT_ERRORS, failure_of

logger = logging.getLogger("policyroute.keys")

PATIENCE: Final = 10.0
"""Seconds for an endpoint's whole answer."""
MAX_ANSWER: Final = 64 * 1024
_AHEAD: Final = 300.0
"""Seconds before its end that a token is renewed, or a fifth of its life where that is shorter."""
_LONGEST: Final = 86_400.0
"""Seconds that a token is believed to hold, whatever its endpoint says."""
_FIRST_REST: Final = 1.0
_LONGEST_REST: Final = 60.0

_TOKEN: Final = re.compile(r"[!-~]{1,16384}")
_ERROR: Final = re.compile(r"[a-z_]{1,40}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_HEADERS: Final = [
    ("content-type", "application/x-www-form-urlencoded"),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
]
_LOGGED: Final = "the gateway's log says why."
_REFUSED: Final = Failure(FailureKind.AUTH, f"The provider's account gets no token: {_LOGGED}", code="token_refused")
_AWAY: Final = Failure(
    FailureKind.UNAVAILABLE, f"No token could be had from the provider's endpoint: {_LOGGED}", code="token_unavailable"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A token. `waited`: it was got for who asks, and is not one that has been lying there."""

    value: str = field(repr=False)
    waited: bool


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew: float
    end: float


@dataclass(slots=True)
class _Account:
    token: _Token | None = None
    fetch: asyncio.Task[_Token | Failure] | None = None
    failures: int = 0
    rests: float = 0.0
    failure: Failure = _AWAY


class _NoToken(Exception):
    """`failure` is how it is told, the message is for the log."""

    def __init__(self, failure: Failure, said: str) -> None:
        super().__init__(said)
        self.failure = failure


class Tokens:
    """The tokens of one event loop, by what they are got with: who changes the policy and not the account keeps them.

    `sender` leads to the endpoints, `clock` is in seconds.
    """

    def __init__(self, sender: Sender, clock: Callable[[], float] = time.monotonic) -> None:
        self._sender = sender
        self._clock = clock
        self._accounts: dict[tuple[str, Connection | None], _Account] = {}

    async def of(self, key: Key, connection: Connection | None) -> Given | Failure:
        """The token of a key that has a grant. `connection` is the provider's: the endpoint is reached by the same
        proxy and trusted by the same authorities, but never shown a client certificate."""
        assert key.grant is not None
        way = None if connection is None else replace(connection, cert=None, key=None)
        account = self._account((key.value, way))
        now, token = self._clock(), account.token
        if token is not None and now < token.renew:
            return Given(token.value, waited=False)
        if account.fetch is None and now >= account.rests:
            fetching = self._fetch(account, key, key.grant, way)
            account.fetch = asyncio.create_task(fetching, name="policyroute-token")
        if token is not None and now < token.end:
            return Given(token.value, waited=False)
        if account.fetch is None:
            return replace(account.failure, retry_after=account.rests - now)
        # One request that is cancelled must not stop it for the others.
        found = await asyncio.shield(account.fetch)
        return found if isinstance(found, Failure) else Given(found.value, waited=True)

    def refused(self, key: Key, given: Given) -> None:
        """The provider does not take this token: the next who asks gets another."""
        for (value, _), account in self._accounts.items():
            if value == key.value and account.token is not None and account.token.value == given.value:
                account.token = None

    def values(self) -> tuple[str, ...]:
        """All tokens there are, to be taken out of what is kept."""
        return tuple(account.token.value for account in self._accounts.values() if account.token is not None)

    def _account(self, place: tuple[str, Connection | None]) -> _Account:
        found = self._accounts.get(place)
        if found is None:
            now = self._clock()
            self._accounts = {each: known for each, known in self._accounts.items() if _of_use(known, now)}
            found = self._accounts[place] = _Account()
        return found

    async def _fetch(self, account: _Account, key: Key, grant: Grant, way: Connection | None) -> _Token | Failure:
        try:
            token = await self._ask(grant, way)
        except _NoToken as trouble:
            account.failures += 1
            # A power of two that is too large for a float is of no use to anybody.
            rest = min(_LONGEST_REST, _FIRST_REST * 2 ** min(account.failures - 1, 10))
            account.rests, account.failure = self._clock() + rest, trouble.failure
            logger.error("NO TOKEN for the account at %s: %s; asked again after %g s", key.place, trouble, rest)
            return replace(trouble.failure, retry_after=rest)
        else:
            account.failures, account.rests, account.token = 0, 0.0, token
            return token
        finally:
            account.fetch = None

    async def _ask(self, grant: Grant, way: Connection | None) -> _Token:
        """Raises _NoToken."""
        asked = self._clock()
        try:
            async with asyncio.timeout(PATIENCE):
                form = await asyncio.to_thread(grant.form, time.time())
                outbound = Outbound("POST", grant.url, _HEADERS, urlencode(form).encode())
                answer = plain(await self._sender.send(outbound, PATIENCE, way))
                try:
                    body = await whole(answer, MAX_ANSWER)
                finally:
                    await answer.close()
        except Unusable as error:
            raise _NoToken(_REFUSED, str(error)) from None
        except TimeoutError:
            raise _NoToken(_AWAY, "its endpoint did not answer in time") from None
        except TRANSPORT_ERRORS as error:
            failure = failure_of(error, answered=False)
            raise _NoToken(_AWAY, f"its endpoint could not be asked ({failure.code or failure.kind})") from None
        said = _read(body or b"")
        if answer.status != 200:
            refused = answer.status in (400, 401, 403)
            code = said.get("error")
            why = f" {code}" if isinstance(code, str) and _ERROR.fullmatch(code) else ""
            raise _NoToken(_REFUSED if refused else _AWAY, f"its endpoint answered {answer.status}{why}")
        if body is None:
            raise _NoToken(_AWAY, f"its endpoint's answer is longer than {MAX_ANSWER} bytes")
        return _token(said, asked)


def _of_use(account: _Account, now: float) -> bool:
    alive = account.token is not None and now < account.token.end
    return alive or account.fetch is not None or now < account.rests


def _read(body: bytes) -> dict[str, Any]:
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _token(said: dict[str, Any], asked: float) -> _Token:
    """Raises _NoToken."""
    value, kind, lasts = said.get("access_token"), said.get("token_type", "Bearer"), said.get("expires_in")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise _NoToken(_AWAY, "its endpoint answered without a usable `access_token`")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _NoToken(_AWAY, "its endpoint gave a token that is not a bearer's")
    if not _SECONDS.fullmatch(str(lasts)) or int(str(lasts)) < 1:  # some write the number as a text
        raise _NoToken(_AWAY, "its endpoint did not say in `expires_in` how long the token holds")
    life = min(float(str(lasts)), _LONGEST)
    return _Token(value, asked + life - min(_AHEAD, life / 5), asked + life)
