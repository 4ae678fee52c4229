"""What a worker serves: the policy that the supervisor has tested, made again from the same text.

Rule of this module: no gate is passed twice. The text was judged by the supervisor; here it is only compiled, off the
event loop, and becomes current by one assignment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from policyroute.author.load import rebuild
from policyroute.cel.compile import Compiler
from policyroute.decide import PolicySet
from policyroute_asgi.activation import Status
from policyroute_asgi.overriding import Standing
from policyroute_asgi.preparation import Active, yielding
from policyroute_asgi.workers.messages import Serve, Serving, Told, Unable


class Follower:
    """A `PolicySource`. `report` is told of each policy that has become current, or why it could not."""

    current: Active
    status: Status

    def __init__(self, report: Callable[[Serving | Unable], None]) -> None:
        self.revoked: frozenset[str] = frozenset()
        self.overrides = Standing()
        self._report = report
        self._listeners: list[Callable[[Status], None]] = []
        self._orders: deque[Serve | Told] = deque()
        self._news = asyncio.Event()
        self._started = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "policyroute-follow")
        self._compiler = Compiler()
        self._sources: Mapping[str, str] | None = None
        self._policy: PolicySet | None = None

    def on_change(self, listener: Callable[[Status], None]) -> None:
        """Call `listener` on the event loop after every swap, and after every other news of the directory."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Returns when there is a policy to serve."""
        await self._started.wait()

    async def aclose(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def obey(self, order: Serve | Told) -> None:
        """Take it up soon, in order; what waits behind a newer policy is no news any more."""
        if isinstance(order, Serve):
            self._orders.clear()
        self._orders.append(order)
        self._news.set()

    async def follow(self) -> None:
        """Takes up what `obey` is given. Never ends."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._orders:
                await self._take(self._orders.popleft())

    async def _take(self, order: Serve | Told) -> None:
        if isinstance(order, Serve):
            try:
                loop = asyncio.get_running_loop()
                self.current = await loop.run_in_executor(self._thread, self._made, order)
            except Exception as error:  # noqa: BLE001 - whatever it is, the old policy is served until there is a successor
                self._report(Unable(f"policy {order.revision[:12]} cannot be made: {type(error).__name__}"))
                return
            self._report(Serving(order.serial))
        self.status = order.status
        self._started.set()
        for listener in self._listeners:
            listener(order.status)

    def _made(self, order: Serve) -> Active:
        sources: Mapping[str, str] = order.beside["sources"]
        if self._policy is None or sources != self._sources:
            with yielding(freeze=True):
                self._policy = rebuild(sources, self._compiler)
            self._sources = sources
        if self._policy.revision != order.revision:
            raise ValueError("the same text is another policy here: the installed packs have changed")
        return Active.of_another(self._policy, order.beside)
