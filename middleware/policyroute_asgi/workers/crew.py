"""All worker processes there are: those that serve, those that start, and those that retire.

Rule of this module: it hires, tells and hears. Which policy, and how many workers, is decided by the supervisor.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Final

from policyroute_asgi.operator import Page
from policyroute_asgi.workers.child import Child, NotReadyError
from policyroute_asgi.workers.merged import Departed
from policyroute_asgi.workers.messages import (
    Ask,
    Begin,
    Count,
    Counted,
    FromSupervisor,
    FromWorker,
    Others,
    Paged,
    Ready,
    Serving,
    Unable,
    Uses,
)
from policyroute_asgi.workers.news import News
from policyroute_asgi.workers.patience import Ending
from policyroute_asgi.workers.sharing import Paced, total

_COUNTING: Final = 1.0
"""Seconds that workers get for saying their numbers."""


@dataclass(frozen=True, slots=True)
class Hiring:
    """What every worker gets: the options of `serve`, and file descriptors."""

    arguments: Namespace
    inherited: tuple[int, ...]


class Crew:
    """`run` starts a task that ends of itself; `orders` is what a worker is told first.

    `page` answers what a client of a worker asked of the operator's. There is `news` of every change.
    """

    def __init__(
        self,
        run: Callable[[Coroutine[object, object, None]], object],
        hiring: Hiring,
        orders: Callable[[], Iterable[FromSupervisor]],
        page: Callable[[str], Awaitable[Page]],
    ) -> None:
        self.children: set[Child] = set()
        self.departed = Departed()
        self.news = News()
        self._run = run
        self._hiring = hiring
        self._orders = orders
        self._page = page
        self._asked = 0
        self._usage = Paced(self._share)

    async def hire(self, number: int) -> Child:
        """A worker that serves. Raises NotReadyError."""
        try:
            child = await Child.start(number, self._hiring.inherited)
        except OSError as error:
            raise NotReadyError(f"no process can be started: {error.strerror}") from error
        self.children.add(child)
        child.tell(Begin(number, self._hiring.arguments))
        for order in (*self._orders(), self._others(child)):
            child.tell(order)
        self._run(self._attend(child))
        await child.settled.wait()
        if child.ending is not None:
            raise NotReadyError(f"it {child.ending.words}")
        return child

    def tell(self, message: FromSupervisor) -> None:
        """Tell every worker."""
        for child in self.children:
            child.tell(message)

    def kill(self) -> None:
        """End every worker there is, at once."""
        for child in self.children:
            child.kill()

    async def gone(self) -> None:
        """Returns when there is no worker left."""
        await self.news.until(lambda: not self.children)

    def behind(self, serial: int) -> int:
        """How many of those that serve do not serve this policy yet."""
        return sum(child.serial != serial for child in self.children if child.state == "serving")

    async def count(self) -> None:
        """Have the present numbers of all workers; of one that does not answer, the last it said."""
        self._asked += 1
        asked = self._asked
        self.tell(Count(asked))
        try:
            async with asyncio.timeout(_COUNTING):
                await self.news.until(
                    lambda: all(child.counted >= asked for child in self.children if child.state != "starting")
                )
        except TimeoutError:
            pass

    async def watch(self, serial: Callable[[], int]) -> None:
        """Kill who does not come to serve, or hangs, or does not take up the policy of this serial. Never ends."""
        while True:
            await asyncio.sleep(1)
            for child in self.children:
                # One that retires begins nothing new.
                current = child.state == "retiring" or child.serial == serial()
                why = child.patience.second(starting=child.state == "starting", current=current)
                if why is not None:
                    child.kill(why)

    async def _attend(self, child: Child) -> None:
        strange = await child.greeted()
        if strange is not None:
            child.kill(Ending("died", strange))
        else:
            while (message := await child.hear()) is not None:
                self._heard(child, message)
                self.news.tell()
        await child.ended()
        self.children.discard(child)
        self.departed.add(child.told)
        self._usage.wanted()
        self.news.tell()

    def _heard(self, child: Child, message: FromWorker) -> None:
        match message:
            case Ready():
                child.serves()
            case Serving(serial):
                child.serial = serial
                child.patience.moved_on()
            case Unable(reason):
                self._unable(child, Ending("policy", f"cannot go on: {reason}"))
            case Counted(asked, changes):
                child.told.add(changes)
                child.counted = asked
            case Uses(values):
                child.uses = values
                self._usage.wanted()
            case Ask(asked, path):
                self._run(self._answer(child, asked, path))

    async def _answer(self, child: Child, asked: int, path: str) -> None:
        child.tell(Paged(asked, await self._page(path)))

    def _unable(self, child: Child, why: Ending) -> None:
        """What it has open may end as it began: by an earlier policy. It begins nothing new."""
        if child.state == "starting":
            child.kill(why)
        else:
            child.retire(why)

    def _share(self) -> None:
        for child in self.children:
            child.tell(self._others(child))

    def _others(self, child: Child) -> Others:
        return Others(total(each.uses for each in self.children if each is not child))
