"""The supervisor: which policy is served, by how many workers, and until when.

Rule of this module: there are always as many workers as were asked for, or the console says why not.
"""

from __future__ import annotations

import asyncio
import logging
from argparse import Namespace
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from policyroute_asgi.activation import Active, PolicyHolder, Status
from policyroute_asgi.operator import Page
from policyroute_asgi.workers.child import Child, NotReadyError
from policyroute_asgi.workers.crew import Crew, Hiring
from policyroute_asgi.workers.messages import End, FromSupervisor, Overridden, Revoked, Serve, Stop, Told
from policyroute_asgi.workers.pages import SupervisorPages
from policyroute_asgi.workers.patience import Ending
from policyroute_asgi.workers.place import Place

logger = logging.getLogger("policyroute.workers")

_AT_ONCE: Final = 8
"""Workers that start at the same time. Each has its time for that, however many there are to be."""


class Supervisor:
    """Keeps workers serving what `holder`, which has been started, holds. `inherited` are their file descriptors."""

    def __init__(self, holder: PolicyHolder, arguments: Namespace, inherited: tuple[int, ...]) -> None:
        self._holder = holder
        self._wanted: int = arguments.workers
        self._stopping = asyncio.Event()
        self._serial = 1
        self._sent = holder.current
        self._group = asyncio.TaskGroup()
        self._crew = Crew(self._run, Hiring(arguments, inherited), self._orders, self._page)
        self.pages = SupervisorPages(self._crew, holder, self._behind, self._stopping.is_set)
        self.pages.metrics.policy.in_sync.set(holder.status.ok)
        self._places: list[Place] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._roll: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Start the workers, call `ready` when all of them serve, and return when they have ended after `stop`.

        Raises NotReadyError, with the first one's reason, where one does not come to serve.
        """
        failed: NotReadyError | None = None
        # Whatever fails here by a bug ends the supervisor: nobody would be told that a place is no longer kept.
        async with self._group:
            self._sent = self._holder.current
            self._holder.on_change(self._changed)
            self._holder.on_revoked(lambda keys: self._crew.tell(Revoked(keys)))
            self._holder.on_overridden(lambda known: self._crew.tell(Overridden(known)))
            try:
                await self._start()
            except NotReadyError as error:
                failed = error
            if failed is None and not self._stopping.is_set():
                ready()
                await self._stopping.wait()
                await self._crew.gone()
            await self._end()
        if failed is not None:
            raise failed

    async def _start(self) -> None:
        """Returns when all workers serve, or `stop` was called meanwhile."""
        self._run(self._crew.watch(lambda: self._serial))
        turns = asyncio.Semaphore(_AT_ONCE)
        hired = await asyncio.gather(
            *(self._hire_first(number, turns) for number in range(1, self._wanted + 1)), return_exceptions=True
        )
        if self._stopping.is_set():
            await self._crew.gone()
            return
        for each in hired:
            if isinstance(each, BaseException):
                raise each
            self._places.append(Place(each, self._crew.hire, self._lost))
        self._keeping = [self._run(place.keep()) for place in self._places]

    async def _hire_first(self, number: int, turns: asyncio.Semaphore) -> Child:
        async with turns:
            if self._stopping.is_set():
                raise NotReadyError("the end has begun")
            return await self._crew.hire(number)

    async def _end(self) -> None:
        """Leave nothing behind."""
        self._crew.kill()
        await self._crew.gone()
        for task in self._tasks:
            task.cancel()

    def stop(self) -> None:
        """The end has begun; open requests have the grace period. Called again: they have not."""
        if self._stopping.is_set():
            self._crew.tell(End())
            return
        self._stopping.set()
        for task in (*self._keeping, *([self._roll] if self._roll else [])):
            task.cancel()
        self._crew.tell(Stop())

    def restart(self) -> bool:
        """Begin to replace the workers one by one. False where that, the start or the end is going on already."""
        if not self._keeping or self._stopping.is_set() or (self._roll is not None and not self._roll.done()):
            logger.warning("no rolling restart: a start, a restart or the shutdown is going on already")
            return False
        self._roll = self._run(self._renew_all())
        return True

    async def converged(self) -> None:
        """Returns when every worker that serves requests does so by the newest policy."""
        await self._crew.news.until(lambda: self._behind() == 0)

    def _behind(self) -> int:
        return self._crew.behind(self._serial)

    async def _page(self, path: str) -> Page:
        return await self.pages.inside[path]()

    # What is served --------------------------------------------------------------------------------------------------

    def _orders(self) -> Sequence[FromSupervisor]:
        """What a worker is told first. One that was being started when the end began has not heard of that."""
        last = (Stop(),) if self._stopping.is_set() else ()
        standing = Revoked(self._holder.revoked), Overridden(self._holder.overrides.known)
        return *standing, _order(self._serial, self._sent, self._holder.status), *last

    def _changed(self, status: Status) -> None:
        self.pages.metrics.policy.changed(status.ok)
        if self._holder.current is self._sent:
            self._crew.tell(Told(status))
            return
        self._serial += 1
        self._sent = self._holder.current
        self._crew.tell(_order(self._serial, self._sent, status))
        self._run(self._announce(self._serial))

    async def _announce(self, serial: int) -> None:
        await self._crew.news.until(lambda: self._crew.behind(serial) == 0 or self._serial != serial)
        if self._serial == serial:
            logger.info("all workers serve policy %s", self._sent.policy.revision[:12])

    # Who serves it ---------------------------------------------------------------------------------------------------

    def _lost(self, child: Child, why: Ending, delay: float) -> None:
        if self._stopping.is_set():
            return
        self.pages.metrics.restarts.labels(why.code).inc()
        when = f"in {delay:g} s" if delay else "now"
        logger.error("worker %d (pid %d) %s; it is replaced %s", child.number, child.pid, why.words, when)

    async def _renew_all(self) -> None:
        logger.info("rolling restart of %d workers", self._wanted)
        for number, place in enumerate(self._places, 1):
            try:
                await place.renew()
            except NotReadyError as error:
                logger.error(
                    "rolling restart given up: worker %d goes on, its successor does not serve: %s", number, error
                )
                return
            self.pages.metrics.restarts.labels("rolling").inc()
        logger.info("rolling restart: %d new workers serve", self._wanted)

    def _run(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _order(serial: int, active: Active, status: Status) -> Serve:
    """Everything of what is served but the policy set, which is closures: a worker makes its own of the sources."""
    return Serve(serial, active.policy.revision, active.for_others(), status)
