"""One Redis or Valkey: asked within time limits, and not asked for a while once it did not answer.

Rule of this module: nobody waits for a server that is down or slow but the first who finds that out. No address with a
password, and nothing that the server says about a command, is in a log or an error.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from policyroute_asgi.state.sealed import NONCE

logger = logging.getLogger("policyroute.state")
T = TypeVar("T")

CONNECT: Final = 0.25
"""Seconds that a connection may take, with TLS and the password, unless the URL has a `socket_connect_timeout`."""
OPERATION: Final = 0.05
"""Seconds that an answer may take, unless the URL has a `socket_timeout`."""
_LATE: Final = 0.01
"""Seconds in which an answer is taken that had come before its time was over: this event loop may have been busy."""
_AT_ONCE: Final = 32
"""Connections of a process."""
_FIRST, _LONGEST = 0.25, 5.0
"""Seconds until a server that did not answer is asked again: twice as long each time."""

_REPLACE: Final = f"""
if redis.call('GETRANGE', KEYS[1], 0, {NONCE - 1}) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return redis.call('GET', KEYS[1])
"""
_CODE: Final = re.compile(r"[A-Z]{3,}\b")
_TROUBLE: Final = (RedisError, OSError, TimeoutError)


class Down(Exception):
    """It does not answer, or it did not a moment ago."""


class _Connection(Protocol):
    """What is used of one of redis-py's."""

    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool) -> None: ...
    def pack_commands(self, commands: tuple[tuple[Any, ...], ...]) -> list[bytes]: ...
    async def send_packed_command(self, command: list[bytes], check_health: bool) -> None: ...
    async def read_response(self) -> Any: ...


class Remote:
    """The one at `url`, called `name` where it is spoken of. `failed` is called for everything that goes wrong, `back`
    when it answers again; before `since`, by `time.monotonic`, it may have been another that has lost what it kept."""

    def __init__(self, url: str, name: str, failed: Callable[[], None], back: Callable[[], Awaitable[None]]) -> None:
        self.up = True
        self.since = 0.0
        self._name = name
        self._failed = failed
        self._back = back
        pools: Any = ConnectionPool
        given: Any = parse_url(url)
        self._connect = float(given.get("socket_connect_timeout") or CONNECT)
        self._operation = float(given.get("socket_timeout") or OPERATION)
        options: dict[str, Any] = {
            "protocol": 2,
            "decode_responses": False,
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": None,
            "socket_connect_timeout": self._connect,
            "health_check_interval": 0,
        }
        pool = pools.from_url(url, **options)
        pool.connection_kwargs |= options  # whatever the URL says
        self._connection: Callable[[], _Connection] = pool.make_connection
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._probe: asyncio.Task[None] | None = None
        self._told = False

    async def get(self, name: bytes) -> tuple[bytes | None, float]:
        """What is kept, and for how many more seconds. One round trip. Raises Down, as all here do."""
        value, left = await self._asked(("GET", name), ("PTTL", name))
        return value, left / 1000

    async def put(self, name: bytes, sealed: bytes, ttl: float) -> None:
        await self._asked(("SET", name, sealed, "PX", _milliseconds(ttl)))

    async def forget(self, name: bytes) -> None:
        await self._asked(("DEL", name))

    async def lengthen(self, name: bytes, ttl: float) -> None:
        await self._asked(("PEXPIRE", name, _milliseconds(ttl)))

    async def replace(self, name: bytes, mark: bytes, sealed: bytes, ttl: float) -> tuple[bool, bytes | None]:
        """Whether it was put in place of the version with this mark (empty: of nothing); if not, what is there."""
        [said] = await self._asked(("EVAL", _REPLACE, 1, name, mark, sealed, _milliseconds(ttl)))
        return (True, None) if said == 1 else (False, said)

    async def aclose(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait({self._probe})
        self.up = False
        await self._disconnect()

    async def _asked(self, *commands: tuple[Any, ...]) -> list[Any]:
        if not self.up:
            raise Down
        async with self._places:
            if not self.up:
                raise Down
            try:
                return await self._said(*commands)
            except _TROUBLE as error:
                await self._broken(error)
                raise Down from None

    async def _said(self, *commands: tuple[Any, ...]) -> list[Any]:
        while self._idle:
            try:
                return await self._through(self._idle.pop(), commands)
            except Disconnected:  # while it was idle: by who stands in between, or the server has begun anew
                self.since = time.monotonic()
        connection = self._connection()
        await _within(self._connect, connection.connect())
        return await self._through(connection, commands)

    async def _through(self, connection: _Connection, commands: tuple[tuple[Any, ...], ...]) -> list[Any]:
        try:
            answers = await _within(self._operation, _exchange(connection, commands))
        except BaseException:
            await connection.disconnect(nowait=True)  # an answer may be on its way
            raise
        self._idle.append(connection)
        return answers

    async def _broken(self, error: Exception) -> None:
        self._failed()
        self.up = False
        if not self._told:
            self._told = True
            code = _CODE.match(str(error)) if isinstance(error, RedisError) else None
            said = f"{type(error).__name__} {code.group() if code else ''}".strip()
            logger.warning(
                "state: %s does not serve (%s): what is kept is kept by each process alone", self._name, said
            )
        if self._probe is None:
            self._probe = asyncio.create_task(self._regain(), name="policyroute-state-probe")
        await self._disconnect()

    async def _regain(self) -> None:
        pause = _FIRST
        while not self.up:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)
            try:
                await self._said(("PING",))
            except _TROUBLE:
                self._failed()
                continue
            self.since = time.monotonic()
            self.up = True
            await self._back()  # which may find that it does not serve after all
        self._probe, self._told = None, False
        logger.info("state: %s serves again", self._name)

    async def _disconnect(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=True)


async def _exchange(connection: _Connection, commands: tuple[tuple[Any, ...], ...]) -> list[Any]:
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    return [await connection.read_response() for _ in commands]


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Raises TimeoutError."""
    task = asyncio.create_task(work)
    try:
        for patience in (seconds, _LATE):
            if (await asyncio.wait({task}, timeout=patience))[0]:
                return task.result()
        raise TimeoutError
    finally:
        task.cancel()


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
