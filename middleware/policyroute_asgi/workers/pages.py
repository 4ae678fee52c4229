"""What the operator of a gateway with workers sees: all of them as one.

Rule of this module: the pages are those of a gateway without workers, and more; what those say, these say too.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from policyroute_asgi import operator
from policyroute_asgi.activation import PolicySource
from policyroute_asgi.metrics import PolicyMetrics
from policyroute_asgi.operator import NUMBERS, POLICY, STATUS, Page, Pages
from policyroute_asgi.workers.counts import Counts
from policyroute_asgi.workers.crew import Crew
from policyroute_asgi.workers.merged import exposition, merged, of_workers


class SupervisorMetrics:
    """What only a supervisor counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.policy = PolicyMetrics(registry)
        self.workers = Gauge("policyroute_workers", "Worker processes by what they do", ["state"], registry=registry)
        self.behind = Gauge(
            "policyroute_workers_behind",
            "Workers that serve requests, but not by the newest policy set yet",
            registry=registry,
        )
        self.restarts = Counter(
            "policyroute_worker_restarts",
            "Workers replaced: rolling (asked for), died, hung, policy (did not take one up)",
            ["reason"],
            registry=registry,
        )


class SupervisorPages:
    """`source` has what is served; `behind` says how many workers do not serve the newest policy, `draining` whether
    shutdown has begun."""

    def __init__(
        self, crew: Crew, source: PolicySource, behind: Callable[[], int], draining: Callable[[], bool]
    ) -> None:
        self._crew = crew
        self._source = source
        self._behind = behind
        self._draining = draining
        self.metrics = SupervisorMetrics()
        self._own = Counts(self.metrics.registry)
        self.probes: Pages = {"/healthz": operator.health, "/readyz": self._ready}
        self.inside: Pages = {NUMBERS: self._numbers, POLICY: self.policy, STATUS: self._status}

    async def policy(self) -> Page:
        workers = [
            {"worker": child.number, "pid": child.pid, "state": child.state, "since": child.since}
            for child in sorted(self._crew.children, key=lambda child: (child.number, child.since))
        ]
        return operator.policy(self._source.status, converged=self._behind() == 0, workers=workers)

    async def _status(self) -> Page:
        converged, draining = self._behind() == 0, self._draining()
        overrides = self._source.overrides.now()
        return operator.status(self._source.status, overrides, draining=draining, converged=converged)

    async def _ready(self) -> Page:
        serving = any(child.state == "serving" for child in self._crew.children)
        return operator.readiness(self._source.status, ready=serving, draining=self._draining())

    async def _numbers(self) -> Page:
        crew, metrics = self._crew, self.metrics
        await crew.count()
        metrics.behind.set(self._behind())
        states = [child.state for child in crew.children]
        for state in ("starting", "serving", "retiring"):
            metrics.workers.labels(state).set(states.count(state))
        told = (each.told.families for each in crew.children)
        workers = (of_workers(families) for families in (crew.departed.families, *told))
        return operator.numbers(exposition(merged([self._own.all(), *workers])))
