"""Drives one exchange: performs what the state machine asks for, on the request's own task.

Rule of this module: whoever has news (the attempt, the timer, the client's connection) steps the machine and obeys it.
The attempt runs in the caller's task, so that back-pressure reaches the provider and a cancelled request closes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress

from policyroute.decide.decision import Decision
from policyroute.decide.eligibility import floored
from policyroute.exchange.answering import NOTHING_ASKED, Asks
from policyroute.exchange.carrying import Carrying
from policyroute.exchange.commands import (
    Acked,
    Cancel,
    Cancelled,
    Command,
    Done,
    Emit,
    Failed,
    HungUp,
    Open,
    Persist,
    Received,
    Tick,
    Wake,
    Withheld,
)
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind
from policyroute.record import ExchangeRecord
from policyroute_asgi.client_side import Answer, ClientSide, Keeper
from policyroute_asgi.cut import Cut
from policyroute_asgi.in_process import is_hung_up
from policyroute_asgi.upstream import Upstream

LAST_WORDS = 5.0
"""Seconds for telling a client of a failure: one that has stopped reading must not hold the request for ever."""
WATCH_AFTER = 0.1
"""Seconds until the client's connection is watched: what is over sooner need not pay for a task."""
_SLOW = 0.05
"""Seconds: a client that takes longer over one chunk has kept the provider waiting."""


class Drive:
    """One exchange. `record` is there from the start, and says what happened even where `run` is cancelled. `keeper`
    is told where there is work that others may take over; None where nobody could look for it."""

    def __init__(  # noqa: PLR0913 - one name for each thing that an exchange needs
        self,
        decision: Decision,
        upstream: Upstream,
        client: ClientSide,
        *,
        stream: bool,
        asks: Asks = NOTHING_ASKED,
        carrying: Carrying | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._machine = Exchange(
            decision.candidates,
            decision.fallback,
            decision.limits,
            stream=stream,
            eligible=upstream.eligible,
            ended=upstream.ended,
            spare_key=upstream.has_other_key,
            asks=asks,
            carrying=carrying,
            keeps=keeper is not None,
            max_wait=decision.session.max_wait,
            arrange=upstream.arrange,
            floored=lambda: floored(decision.excluded, decision.grounds, decision.fallback),
        )
        self.record: ExchangeRecord = self._machine.record
        self._upstream = upstream
        self._client = client
        self._keeper = keeper
        self._keeping: asyncio.Task[None] | None = None
        self._rest = b""  # of an answer whose end came from nobody's news
        self._next: Open | None = None
        self._done: Done | None = None
        self._running: Open | None = None
        self._scope: Cut | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._later: Wake | None = None  # for which no timer is set yet
        self._news: asyncio.Future[None] | None = None
        self._sending = False
        self._ended = False
        self._fault: Exception | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def run(self) -> ExchangeRecord:
        """From the first attempt to the client's last byte. Trouble upstream is told to the client, never raised."""
        start = asyncio.get_running_loop().call_later(WATCH_AFTER, self._start_watch)
        try:
            self._obey(self._machine.start(time.monotonic()))
            while self._done is None:
                await self._attempt()
                if self._fault is not None:
                    raise self._fault
            await self._finish(self._done)
        except asyncio.CancelledError as error:
            gone = self._machine.step(HungUp() if is_hung_up(error) else Cancelled(), time.monotonic())
            for command in gone:
                if isinstance(command, Persist):
                    self._keep(command, last=True)
            raise
        finally:
            start.cancel()
            if self._keeping is not None:
                self._keeping.cancel()
            if self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None  # it knows us as well: what is cyclic is left to the garbage collector
            if self._timer is not None:
                self._timer.cancel()
        return self.record

    async def _attempt(self) -> None:
        """The next attempt to its end, or the wait for it."""
        opened, self._next = self._next, None
        if opened is None:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
            return
        self._running = opened
        made = self.record.attempts[-1]
        made.key = self._upstream.key
        try:
            with Cut() as scope:
                self._scope = scope
                await self._upstream.run(opened, self._tell)
        finally:
            self._running = self._scope = None
            made.adapted, made.lost = self._upstream.adapted, tuple(sorted(self._upstream.lost))
            made.max_tokens, made.confessed = self._upstream.max_tokens, self._upstream.confessed
            made.circled = self._upstream.circled
            self._upstream.charge(made)
        if scope.made:
            return  # the machine has cancelled it
        if self._done is not None or self._next is not None:
            return
        # No attempt may end without a word; where it had one, this is ignored.
        silent = Failure(FailureKind.STREAM_BROKEN, "The attempt ended without an answer.")
        self._obey(self._machine.step(Failed(opened.id, silent), time.monotonic()))

    def _tell(self, given: Received | Failed | Withheld) -> Awaitable[bool]:
        now = time.monotonic()
        if isinstance(given, Received) and self._machine.goes_on(given, now):
            return self._send(given.id, given.raw, now)
        return self._perform(self._machine.step(given, now), now)

    async def _perform(self, commands: list[Command], now: float) -> bool:
        """What came of an attempt's news."""
        for command in commands:
            if isinstance(command, Wake):
                self._arm(command)  # before sending, which may take as long as the client likes
        for command in commands:
            if isinstance(command, Emit):
                if command.first:
                    await self._commit()
                last = commands[-1]
                more = not isinstance(last, Done) or last.failure is not None or last.denied is not None
                await self._send(command.id, command.raw, now, more=more)
            elif not isinstance(command, Wake):
                self._obey([command], inside=True)
        return self._running is not None

    async def _commit(self) -> None:
        assert self._running is not None and self._upstream.hop is not None
        self._upstream.begun()
        verdict = self._machine.verdict
        await self._client.commit(Answer(self._running.attempt, self._upstream.hop, self._upstream.adapted, verdict))

    async def _send(self, id: int, raw: bytes, started: float, *, more: bool = True) -> bool:
        """Part of what attempt `id` said at `started`. Whether more of it is wanted."""
        self._sending = True
        try:
            if not more:
                await self._over()
            if raw or not more:
                await self._client.send(raw, more=more)
                self._ended = not more
        except OSError:
            self._ended = True  # nobody is left to be told
            self._obey(self._machine.step(HungUp(), time.monotonic()), inside=True)
        finally:
            self._sending = False
        now = time.monotonic()
        if now - started > _SLOW:
            # The provider was not read meanwhile: its silence counts from here.
            self._obey(self._machine.step(Received(id, ()), now))
        return self._running is not None

    def _obey(self, commands: list[Command], *, inside: bool = False) -> None:
        """What can be done at once. `inside`: these come of an attempt's own news."""
        for command in commands:
            if isinstance(command, Emit):
                self._rest += command.raw
            elif isinstance(command, Open):
                self._next = command
            elif isinstance(command, Done):
                self._done = command
            elif isinstance(command, Wake):
                self._arm(command)
            elif isinstance(command, Cancel):
                self._cut(command, inside)
            else:
                self._keep(command, last=isinstance(commands[-1], Done))
        if self._next is not None or self._done is not None:
            self._wake()

    def _keep(self, persist: Persist, *, last: bool) -> None:
        assert self._keeper is not None, "the machine was told that there is none"
        if last:
            self._keeper.keep_later(persist.checkpoint)
        else:
            self._keeping = asyncio.create_task(self._kept(self._keeper, persist), name="policyroute-keep")

    async def _kept(self, keeper: Keeper, persist: Persist) -> None:
        await keeper.keep(persist.checkpoint)
        self._outside(Acked(persist.token))

    def _cut(self, cancel: Cancel, inside: bool) -> None:
        if self._next is not None and self._next.id == cancel.id:
            self._next = None  # it never began
        elif inside:
            self._running = None  # it returns when it is told
        else:
            self._interrupt()

    def _arm(self, wake: Wake) -> None:
        """What is due later than the watch begins gets its timer then: most requests are over before."""
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, wake.at - time.monotonic())
        if self._watcher is None and delay > WATCH_AFTER:
            self._later = wake
        else:
            self._later = None
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._outside(Tick(backed_up=self._sending))

    def _start_watch(self) -> None:
        self._watcher = asyncio.create_task(self._watch(), name="policyroute-client")
        if self._later is not None:
            self._arm(self._later)

    async def _watch(self) -> None:
        await self._client.hung_up()
        self._outside(HungUp())

    def _outside(self, given: Tick | HungUp | Acked) -> None:
        """News that comes while the request's own task waits for something else."""
        try:
            self._obey(self._machine.step(given, time.monotonic()))
        except Exception as error:  # noqa: BLE001 - nobody hears what a callback raises: `run` raises it
            self._fault = error
            self._interrupt()

    def _interrupt(self) -> None:
        """End what the request's task waits for, wherever that is."""
        self._running = None
        if self._scope is not None:
            self._scope.make()
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _finish(self, done: Done) -> None:
        if self.record.outcome == "client_closed" or self._ended:
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                if done.failure is not None:
                    await self._client.fail(done.failure)
                elif done.denied is not None:
                    await self._client.deny(done.denied)
                else:
                    await self._over()
                    await self._client.send(self._rest, more=False)

    async def _over(self) -> None:
        """The answer is told to its end. Who has that may ask the next thing at once."""
        await self._upstream.settle(self.record)
        if self._keeper is not None:
            # What is labelled is known by this request's prompt: another step of the task would not know it again.
            self.record.attempts[-1].circled = self._upstream.circled
            await self._keeper.done(None if self._upstream.confessed else self._machine.text, self.record)
