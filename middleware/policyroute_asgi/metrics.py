"""The numbers at `/metrics`.

Rule of this module: labels are bounded. They are names from the policy, codes of ours, or nothing; never what a client
sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)


_Metric = TypeVar("_Metric", Counter, Histogram)


class Family(Generic[_Metric]):
    """A labelled metric whose children are kept: asking the library for one costs more than counting."""

    def __init__(self, metric: _Metric) -> None:
        self._metric: _Metric = metric
        self._children: dict[tuple[object, ...], _Metric] = {}

    def of(self, *labels: object) -> _Metric:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


def _of_answers(registry: CollectorRegistry) -> tuple[Family[Counter], Family[Counter], Family[Counter]]:
    refusals = _counter(
        registry,
        "policyroute_refusals",
        "Answers that are refusals: the provider says so, or they begin with a phrase of the policy's",
        ["target", "provider"],
    )
    checks = _counter(
        registry,
        "policyroute_schema_checks",
        "Answers held against the schema that was demanded: intact, broken, or unchecked where nobody can tell",
        ["target", "provider", "result"],
    )
    confessions = _counter(
        registry,
        "policyroute_confessions",
        "Answers that say what is labelled as a secret, where a rule listens for that",
        ["target", "provider"],
    )
    return refusals, checks, confessions


def _of_boundaries(registry: CollectorRegistry) -> tuple[Family[Counter], Family[Counter]]:
    audited = _counter(
        registry,
        "policyroute_audit_records",
        "Audit records: written, refused (their attempts are not made), or lost at the end",
        ["outcome"],
    )
    moderations = _counter(
        registry,
        "policyroute_moderations",
        "Verdicts of the app's moderation: passed, refused, or none (timeout, error), which refuses too",
        ["direction", "outcome"],
    )
    return audited, moderations


def _of_conversations(registry: CollectorRegistry) -> tuple[Family[Counter], Family[Counter]]:
    pins = _counter(
        registry,
        "policyroute_pins",
        "Requests of pinned conversations: new (the first), kept, or moved (somebody else answered)",
        ["outcome"],
    )
    divergences = _counter(
        registry,
        "policyroute_divergences",
        "Requests of conversations that go round in circles, by what shows that, and what was done",
        ["kind", "reaction"],
    )
    return pins, divergences


def _of_state(registry: CollectorRegistry) -> tuple[Counter, Gauge]:
    errors = Counter(
        "policyroute_state_errors", "What a Redis that state is kept in did not do, or not in time", registry=registry
    )
    degraded = Gauge(
        "policyroute_state_degraded",
        "1 where a Redis that state is kept in does not serve, and the process goes by what it has",
        registry=registry,
    )
    return errors, degraded


def _counter(registry: CollectorRegistry, name: str, doc: str, labels: list[str]) -> Family[Counter]:
    return Family(Counter(name, doc, labels, registry=registry))


class PolicyMetrics:
    """How what is served stands to the policy directory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reloads = Counter(
            "policyroute_reloads", "Policy reloads: swapped or refused", ["outcome"], registry=registry
        )
        self.in_sync = Gauge(
            "policyroute_policy_in_sync",
            "1 where the policy set in use is the one in the directory, 0 where the directory is broken",
            registry=registry,
        )

    def changed(self, ok: bool) -> None:
        """The directory was read again. `ok`: what it says is served."""
        self.in_sync.set(ok)
        self.reloads.labels("swapped" if ok else "refused").inc()


POLICY_FAMILIES: Final = frozenset({"policyroute_reloads", "policyroute_policy_in_sync"})
"""The names of the families in `PolicyMetrics`."""
KeyStates = Callable[[], Iterable[tuple[str, str, int]]]
"""(provider, state, number of keys)."""


class _Keys(Collector):
    """Read whenever the metrics are: which providers there are changes with the policy."""

    def __init__(self, states: KeyStates) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "policyroute_provider_keys",
            "Keys of a provider: ready, or why they are not used now",
            labels=["provider", "state"],
        )
        for provider, state, count in self._states():
            family.add_metric([provider, state], count)
        yield family


RestingStates = Callable[[], Iterable[tuple[str, str, str, float]]]
"""(target, provider, reason, seconds left)."""


class _Resting(Collector):
    """Read whenever the metrics are, and only who rests is there: most targets never do."""

    def __init__(self, states: RestingStates) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "policyroute_cooling",
            "1 for each target that is passed over for a while, since it failed",
            labels=["target", "provider", "reason"],
        )
        for target, provider, reason, _ in self._states():
            family.add_metric([target, provider, reason], 1)
        yield family


class ConnectionCounts(Protocol):
    """`refused` counts what no app got to see, by the error's code."""

    @property
    def open(self) -> int: ...
    @property
    def refused(self) -> Mapping[str, int]: ...


class _Connections(Collector):
    def __init__(self, counts: ConnectionCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("policyroute_connections", "Connections of clients open now", self._counts.open)
        family = CounterMetricFamily(
            "policyroute_refused",
            "Connections and requests refused before they were one, and clients that did not read (not_read)",
            labels=["code"],
        )
        for code, count in list(self._counts.refused.items()):
            family.add_metric([code], count)
        yield family


class Metrics:
    """One set of instruments in one registry. An app that has its own registry passes it; else it is a new one."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry = registry or CollectorRegistry()
        self.requests = _counter(
            registry,
            "policyroute_requests",
            "LLM requests by the rule that routed them, the target that answered, status and outcome",
            ["rule", "target", "status", "outcome"],
        )
        self.attempts = _counter(
            registry,
            "policyroute_attempts",
            "Attempts at targets: ok, or the kind of failure",
            ["target", "provider", "outcome"],
        )
        self.refusals, self.schema_checks, self.confessions = _of_answers(registry)
        self.rule_errors = Counter(
            "policyroute_rule_errors",
            "Rules whose expression could not be evaluated, and what was done (applied, skipped, refused)",
            ["rule", "effect", "consequence"],
            registry=registry,
        )
        self.audited, self.moderations = _of_boundaries(registry)
        self.pins, self.divergences = _of_conversations(registry)
        self.policy = PolicyMetrics(registry)
        self.in_flight = Gauge("policyroute_in_flight_requests", "LLM requests open now", registry=registry)
        self.shed = _counter(
            registry, "policyroute_shed", "LLM requests turned away since there is too much to do", ["profile"]
        )
        self.queued = Gauge("policyroute_queued_requests", "LLM requests that wait for a place here", registry=registry)
        self.tasks = Gauge("policyroute_tasks", "Tasks of the event loops that serve LLM requests", registry=registry)
        self.duration = Family(
            Histogram(
                "policyroute_request_duration_seconds",
                "From the request's arrival to the end of its answer",
                ["target"],
                buckets=_SECONDS,
                registry=registry,
            )
        )
        self.ttft = Family(
            Histogram(
                "policyroute_time_to_first_token_seconds",
                "From a stream's arrival to its first semantic event, failed attempts included",
                ["target"],
                buckets=_SECONDS,
                registry=registry,
            )
        )
        self.decide = Histogram(
            "policyroute_decide_seconds",
            "Time taken to decide",
            buckets=(5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2),
            registry=registry,
        )
        self.state_errors, self.state_degraded = _of_state(registry)
        self._dropped = Gauge(
            "policyroute_log_lines_dropped", "Log lines lost because their sink did not keep up", registry=registry
        )

    def watch(
        self,
        in_flight: Callable[[], float],
        queued: Callable[[], float],
        dropped: Callable[[], float],
        keys: KeyStates,
        resting: RestingStates,
    ) -> None:
        """Have these read whenever the metrics are. Once."""
        self.registry.register(_Keys(keys))
        self.registry.register(_Resting(resting))
        self.in_flight.set_function(in_flight)
        self.queued.set_function(queued)
        self._dropped.set_function(dropped)

    def watch_connections(self, counts: ConnectionCounts) -> None:
        """Have these read too. Once."""
        self.registry.register(_Connections(counts))

    def exposition(self) -> bytes:
        """The registry in Prometheus' text format, of `CONTENT_TYPE`."""
        return generate_latest(self.registry)
