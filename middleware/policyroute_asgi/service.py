"""What serves LLM requests on an event loop: policy, connections, handler; made where a loop first asks for them.

Rule of this module: nothing here belongs to the process. Each event loop has its own connections and its own watch on
the policies; numbers and log lines are shared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import httpx
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from policyroute.decide.overrides import Overrides
from policyroute.problems import PolicyErrors, Problem
from policyroute_asgi.activation import PolicyHolder, PolicySource, Status
from policyroute_asgi.apart import once
from policyroute_asgi.audit.auditor import Auditor, Unwritable
from policyroute_asgi.bodies import BodyLimits
from policyroute_asgi.crossing import Crossings
from policyroute_asgi.door import Door
from policyroute_asgi.embedded import embedded_provider
from policyroute_asgi.endpoints import Endpoint
from policyroute_asgi.handler import NO_POLICY, Handler, refuse
from policyroute_asgi.lines import Sink
from policyroute_asgi.load import LoadLimits, Places
from policyroute_asgi.metrics import Metrics
from policyroute_asgi.moderating import TIMEOUT, Answers, Moderate, Moderator
from policyroute_asgi.outward import sender
from policyroute_asgi.preparation import Preparation
from policyroute_asgi.rates import Rates
from policyroute_asgi.rooms import Rooms
from policyroute_asgi.routed import Bounds, Routed
from policyroute_asgi.state.address import Address, usable
from policyroute_asgi.state.opening import opened
from policyroute_asgi.state.store import StateStore
from policyroute_asgi.telemetry import Telemetry
from policyroute_asgi.traces.opening import traced_with
from policyroute_asgi.transport import TransportSettings, provider_transport
from policyroute_asgi.usage import SharedUsage

if TYPE_CHECKING:
    from policyroute_asgi.traces.opening import TracerProvider

Policies = str | PathLike[str] | PolicySource

MAX_BODY = 32 * 1024 * 1024
GRACE = 30.0


class Options(TypedDict, total=False):
    """What `Router`, `gateway` and `PolicyRouteMiddleware` all take; docs/middleware.md says it in words."""

    max_body: int
    state_dir: str | PathLike[str] | None
    state_url: str | None
    secrets_dir: str | PathLike[str] | None
    strict_start: bool
    log: Sink | None
    registry: CollectorRegistry | None
    transport: httpx.AsyncBaseTransport | None
    grace: float
    load: LoadLimits
    usage: SharedUsage | None
    moderate: Moderate | None
    moderate_timeout: float
    moderate_answers: Answers
    traces: TracerProvider | None


@dataclass(slots=True)
class Service:
    """All that runs on one loop. It ends when its keeper is cancelled."""

    holder: PolicySource
    handler: Handler
    keeper: asyncio.Task[None]


class Services:
    """One service for each event loop. `log` stands where the options name none."""

    def __init__(self, policies: Policies, log: Sink | None, options: Options) -> None:
        given: object = policies  # whoever read it from the environment, say, may have nothing
        if not given or not (isinstance(given, str | PathLike) or hasattr(given, "on_change")):
            raise TypeError(f"policies must be a directory or a PolicySource, not {policies!r}")
        self._policies = policies
        self._options = options
        self._grace = options.get("grace", GRACE)
        self._address = _address(options)
        self._starts: dict[asyncio.AbstractEventLoop, asyncio.Task[Service]] = {}
        self.metrics = Metrics(options.get("registry"))
        traces = traced_with(options.get("traces"))
        self.telemetry = Telemetry(self.metrics, options.get("log", log), time.monotonic, traces)
        self.metrics.tasks.set_function(self._tasks)
        self.draining = False
        self._rates = Rates(time.monotonic, options.get("usage"))
        self._moderator = self._moderating(options)

    async def get(self) -> Service:
        """This loop's service, started if need be. Raises PolicyErrors where there is no policy to serve."""
        loop = asyncio.get_running_loop()
        start = self._starts.get(loop)
        if start is None:
            self._starts = {known: task for known, task in self._starts.items() if not known.is_closed()}
            start = self._starts[loop] = loop.create_task(self._start(), name="policyroute-start")
            start.add_done_callback(lambda task: self._forget_failure(loop, task))
        if start.done():
            return start.result()
        return await asyncio.shield(start)  # one request that is cancelled must not stop the start for the others

    async def serve(self, endpoint: Endpoint, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to an LLM path."""
        try:
            service = await self.get()
        except PolicyErrors:
            await refuse(scope, receive, send, NO_POLICY, endpoint)
            return
        await service.handler.serve(endpoint, door, scope, receive, send)

    def status(self) -> Status | None:
        """What this loop's service serves, or None."""
        start = self._starts.get(asyncio.get_running_loop())
        return start.result().holder.status if start is not None and start.done() else None

    def overrides(self) -> Overrides:
        """What an operator has said by hand and is in force now."""
        return self.telemetry.overrides()

    async def aclose(self) -> None:
        """End this loop's service: wait for its open requests, end them after the grace period, close what it holds."""
        self.draining = True
        loop = asyncio.get_running_loop()
        start = self._starts.get(loop)
        if start is None:
            return
        service = await asyncio.shield(start)
        await service.handler.drained(self._grace)
        if self._starts.get(loop) is not start:
            return  # somebody else has closed it meanwhile
        del self._starts[loop]
        service.keeper.cancel()
        await asyncio.wait([service.keeper])
        if not service.keeper.cancelled():
            service.keeper.result()

    def end(self) -> None:
        """The grace period is over now. May be called from a signal handler."""
        for loop, start in self._starts.items():
            if start.done():
                loop.call_soon_threadsafe(start.result().handler.end)

    def _tasks(self) -> int:
        return sum(len(asyncio.all_tasks(loop)) for loop in list(self._starts) if not loop.is_closed())

    def _forget_failure(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Service]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._starts.pop(loop, None)

    async def _start(self) -> Service:
        options = self._options
        self.draining = False
        owned: list[PolicyHolder | httpx.AsyncBaseTransport | StateStore | Auditor] = []
        holder = self._policies
        if isinstance(holder, str | PathLike):
            preparation = Preparation(Path(holder), _path(options.get("state_dir")), _path(options.get("secrets_dir")))
            holder = PolicyHolder(preparation, strict_start=options.get("strict_start", False))
            owned.append(holder)
        try:
            await holder.start()
            self.telemetry.overrides = holder.overrides.now
            auditor = Auditor(lambda: holder.current.audit, self._count_audited)
            owned.append(auditor)
            await _audited(auditor)
        except BaseException:
            for part in owned:
                await part.aclose()
            raise
        self.metrics.policy.in_sync.set(holder.status.ok)
        self._use(holder)
        holder.on_change(lambda status: self._told(holder, status, auditor))
        load = options.get("load", LoadLimits())
        transport = options.get("transport")
        if transport is None:
            settings = TransportSettings(max_connections=load.concurrency)  # a request has one at a time
            transport = provider_transport(settings, apps={"embedded": embedded_provider})
            owned.append(transport)
        body = BodyLimits(options.get("max_body", MAX_BODY))
        rooms = Rooms(self.telemetry.open_attempts, load)
        bounds = Bounds(Places(load), rooms, self._rates, body)
        opening = partial(opened, _path(options.get("state_dir")), self._address, self.metrics.state_errors.inc)
        state = await once(opening, "policyroute-state-open")
        owned.append(state)
        self.metrics.state_degraded.set_function(lambda: state.degraded)
        crossings = Crossings(state, auditor, self._moderator)
        routed = Routed(holder, sender(transport), self.telemetry, bounds, state, crossings)
        handler = Handler(holder, routed, self.telemetry)
        return Service(holder, handler, asyncio.create_task(self._keep(owned), name="policyroute-keeper"))

    async def _keep(self, owned: Iterable[PolicyHolder | httpx.AsyncBaseTransport | StateStore | Auditor]) -> None:
        """Closes what a service owns when it is cancelled: by `aclose`, or where nobody calls that, by the event loop's
        end, which cancels every task."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for part in owned:
                await part.aclose()
            await asyncio.to_thread(self.telemetry.flush)

    def _told(self, holder: PolicySource, status: Status, auditor: Auditor) -> None:
        self.metrics.policy.changed(status.ok)
        auditor.follow()
        self._use(holder)

    def _moderating(self, options: Options) -> Moderator | None:
        moderate = options.get("moderate")
        if moderate is None:
            return None
        timeout, answers = options.get("moderate_timeout", TIMEOUT), options.get("moderate_answers", "hold")
        return Moderator(moderate, timeout, answers, self._count_moderated)

    def _count_moderated(self, direction: str, outcome: str) -> None:
        self.metrics.moderations.of(direction, outcome).inc()

    def _count_audited(self, outcome: str, number: int) -> None:
        self.metrics.audited.of(outcome).inc(number)

    def _use(self, holder: PolicySource) -> None:
        active = holder.current
        program = active.policy.program
        self.telemetry.provider_keys.use(active.keys, program.providers)
        self.telemetry.resting.use(active.keys, program.targets)


def _address(options: Options) -> Address | None:
    """Raises ValueError where there is a URL that cannot be used."""
    url = options.get("state_url")
    return usable(url, _path(options.get("state_dir"))) if url else None


async def _audited(auditor: Auditor) -> None:
    """Raises PolicyErrors where records have to be written and cannot be."""
    try:
        await auditor.start()
    except Unwritable as error:
        raise PolicyErrors([Problem("audit-unwritable", f"audit records cannot be written: {error}")]) from None


def _path(given: str | PathLike[str] | None) -> Path | None:
    return Path(given) if given is not None else None
