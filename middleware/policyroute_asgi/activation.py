"""What is served now, and how it is replaced while requests run.

Rule of this module: a policy set is made ready off the event loop and becomes current by one assignment. Whatever is
wrong with the new one, the old one stays, and everybody is told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal, Protocol

from policyroute.problems import PolicyErrors, Problem, errors
from policyroute_asgi.apart import Apart
from policyroute_asgi.keyring import KeyMatch
from policyroute_asgi.overriding import Known, Overriding, Standing
from policyroute_asgi.preparation import Active, Preparation, Prepared
from policyroute_asgi.revoked import Revoked
from policyroute_asgi.watch import changes

__all__ = ["HEARTBEAT", "Active", "PolicyHolder", "PolicySource", "Status"]

logger = logging.getLogger("policyroute.reload")

HEARTBEAT: Final = 5.0
"""Seconds between looks at what no file event reports."""
_SHOWN: Final = 20
"""Errors that go to the log one by one."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is served, and whether that is what the directory says.

    `revision` and `since` (seconds since 1970) are of the served set; `source` is where its text came from. `ok` is
    False while the directory holds something that may not be used: `problems` then says why, else it has the warnings.
    """

    revision: str
    ok: bool
    source: Literal["directory", "last_good"]
    since: float
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "revision": self.revision,
            "ok": self.ok,
            "source": self.source,
            "since": self.since,
            "problems": [problem.as_json() for problem in self.problems],
        }


class PolicySource(Protocol):
    """Where an app's policies come from: a `PolicyHolder`, or in a worker what its supervisor sends.

    `revoked` are sha256 digests (hex) of client keys that are not let in any more, whatever the policy says;
    `overrides` is what an operator has said by hand.
    """

    @property
    def current(self) -> Active: ...

    @property
    def status(self) -> Status: ...

    @property
    def revoked(self) -> frozenset[str]: ...

    @property
    def overrides(self) -> Standing: ...

    def on_change(self, listener: Callable[[Status], None]) -> None: ...

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


def admitted(source: PolicySource, key: str) -> KeyMatch | None:
    """The client that has this key now, or None."""
    match = source.current.keyring.find(key)
    return match if match is not None and match.digest not in source.revoked else None


def still_admits(source: PolicySource, match: KeyMatch) -> bool:
    """Whether who was admitted may go on: to be asked before every attempt.

    A key counts no longer once it is revoked, and once the policy in force takes it, or its client, out.
    """
    return match.digest not in source.revoked and source.current.keyring.knows(match)


class PolicyHolder:
    """`current` is the set that new requests start with, `status` what there is to say about it.

    Both are there once `start` has returned, and are read without a lock. Used on one event loop.
    """

    current: Active
    status: Status

    def __init__(
        self,
        preparation: Preparation,
        *,
        strict_start: bool = False,
        watch: bool = True,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._preparation = preparation
        self._revoked = Revoked(preparation.state_dir)
        self._overriding = Overriding(preparation.state_dir)
        self._standing: Status | None = None
        self._strict_start = strict_start
        self._watch = watch
        self._heartbeat = heartbeat
        self._listeners: list[Callable[[Status], None]] = []
        self._thread = Apart("policyroute-reload")
        self._turn = asyncio.Lock()
        self._watchers: list[asyncio.Task[None]] = []
        self._started = False

    def on_change(self, listener: Callable[[Status], None]) -> None:
        """Call `listener` on the event loop after every swap and every refusal, and once at the start."""
        self._listeners.append(listener)

    @property
    def revoked(self) -> frozenset[str]:
        """The sha256 (hex) of every key that was revoked, whatever the policy says. It only grows."""
        return self._revoked.digests

    def on_revoked(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Call `listener` on the event loop with `revoked` whenever there is more of it."""
        self._revoked.on_more(listener)

    @property
    def overrides(self) -> Standing:
        """What an operator has said by hand, whatever the policy says."""
        return self._overriding.standing

    def on_overridden(self, listener: Callable[[Known], None]) -> None:
        """Call `listener` on the event loop with all overrides that are known whenever they are others."""
        self._overriding.on_other(listener)

    async def start(self) -> None:
        """Serve what the directory says, or else the last good set, and watch from now on. Started already: nothing.

        Raises PolicyErrors with every problem where there is nothing to serve, or where it cannot be known which keys
        were revoked.
        """
        async with self._turn:
            if self._started:
                return
            await self._revoked.read()
            if self._revoked.problems:
                raise PolicyErrors(self._revoked.problems)
            await self._overriding.read()
            prepared = await self._thread.do(self._preparation.from_directory)
            if prepared.active is not None:
                await self._settle(prepared.active, _good(prepared))
            else:
                await self._start_from_last_good(prepared.problems)
            self._started = True
        if self._watch:
            self._watchers = [
                asyncio.create_task(self._follow(), name="policyroute-watch"),
                asyncio.create_task(self._follow_revoked(), name="policyroute-watch-revoked"),
                asyncio.create_task(self._follow_overrides(), name="policyroute-watch-overrides"),
            ]

    async def reload(self) -> Status:
        """Read, build and find the keys again now, whatever the directory's text was before (what SIGHUP asks for)."""
        if await self._revoked.read() | await self._overriding.read():
            await self._tell_again()
        return await self._refresh(again=True)

    async def aclose(self) -> None:
        """Stop watching. What is current stays current for the requests that run."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._thread.aclose()

    async def _follow(self) -> None:
        async for _ in changes(self._preparation.directory, self._heartbeat):
            await self._refresh(again=False)

    async def _follow_revoked(self) -> None:
        async for _ in self._revoked.changed(self._heartbeat):
            await self._tell_again()

    async def _follow_overrides(self) -> None:
        async for _ in self._overriding.changed(self._heartbeat):
            await self._tell_again()

    async def _tell_again(self) -> None:
        """There may be other trouble with revocations or overrides now. They are up to date: no build is waited for."""
        async with self._turn:
            if self._standing is not None:
                await self._tell(self._standing, again=False)

    async def _refresh(self, *, again: bool) -> Status:
        async with self._turn:
            prepared = await self._thread.do(partial(self._preparation.from_directory, again=again))
            if prepared.active is None:
                await self._tell(replace(self.status, ok=False, problems=prepared.problems), again)
            elif _same(prepared.active, self.current):
                await self._tell(replace(_good(prepared), since=self.status.since), again)
            else:
                await self._settle(prepared.active, _good(prepared))
            return self.status

    async def _start_from_last_good(self, problems: tuple[Problem, ...]) -> None:
        if self._strict_start:
            raise PolicyErrors(problems)
        kept = await self._thread.do(self._preparation.from_last_good)
        if kept.active is None:
            raise PolicyErrors((*problems, *kept.problems))
        await self._settle(kept.active, Status(kept.active.policy.revision, False, "last_good", time.time(), problems))

    async def _settle(self, active: Active, status: Status) -> None:
        had_clients = self._standing is not None and bool(self.current.policy.program.clients)
        self.current = active
        await self._tell(status, again=True)
        if had_clients and not active.policy.program.clients:
            logger.error("THE POLICY HAS NO CLIENTS ANY MORE: a gateway now serves everybody on its machine")

    async def _tell(self, status: Status, again: bool) -> None:
        self._standing = status
        status = replace(status, problems=(*self._revoked.problems, *self._overriding.problems, *status.problems))
        if not again and status == self.status:
            return
        self.status = status
        await self._thread.do(partial(_log, status))  # a console may be slow
        for listener in self._listeners:
            listener(status)


def _same(one: Active, other: Active) -> bool:
    same = one.keys == other.keys and one.connections == other.connections and one.audit == other.audit
    return same and one.policy is other.policy


def _good(prepared: Prepared) -> Status:
    assert prepared.active is not None
    return Status(prepared.active.policy.revision, True, "directory", time.time(), prepared.problems)


def _log(status: Status) -> None:
    short = status.revision[:12]
    wrong = errors(status.problems)
    warned = len(status.problems) - len(wrong)
    if status.ok:
        logger.info(
            "policy %s is served%s", short, f", with {warned} warnings: see `policyroute check`" if warned else ""
        )
    elif status.source == "last_good":
        logger.error("THE POLICY DIRECTORY IS BROKEN: serving the last good policy %s from the state directory", short)
    else:
        logger.error("the policy directory has errors and is not used: %s is still served", short)
    for problem in status.problems:
        if problem.span is None and problem not in wrong:  # not about the policy's text: `check` does not see it
            logger.warning("%s", problem)
    for problem in wrong[:_SHOWN]:
        logger.error("%s", problem)
    if len(wrong) > _SHOWN:
        logger.error("and %d more: see `policyroute check`", len(wrong) - _SHOWN)
