"""The numbers of all processes as those of one.

Rule of this module: what counts up is the sum over every process there ever was; what goes up and down is of those that
live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from policyroute_asgi.metrics import POLICY_FAMILIES
from policyroute_asgi.workers.counts import Changes, Described, Sample

_COUNTING: Final = frozenset({"counter", "histogram", "summary"})
_CREATED: Final = "_created"
_LEAST: Final = frozenset({"process_start_time_seconds"})
_MOST: Final = frozenset({"process_max_fds"})

Samples = dict[Sample, float]
Families = dict[Described, Samples]


class Told:
    """What one process has told of its numbers so far."""

    def __init__(self) -> None:
        self.families: Families = {}

    def add(self, changes: Changes) -> None:
        for family, changed in changes.items():
            samples = self.families.setdefault(family, {})
            for sample, value in changed.items():
                if value is None:
                    samples.pop(sample, None)
                else:
                    samples[sample] = value


class Departed:
    """What the processes that are gone had counted."""

    def __init__(self) -> None:
        self.families: Families = {}

    def add(self, told: Told) -> None:
        counted = {family: samples for family, samples in told.families.items() if family.kind in _COUNTING}
        self.families = merged([self.families, counted])


def of_workers(families: Families) -> Families:
    """Without what every worker only echoes: of the policy directory the supervisor tells."""
    return {family: samples for family, samples in families.items() if family.name not in POLICY_FAMILIES}


def merged(sources: Iterable[Mapping[Described, Mapping[Sample, float]]]) -> Families:
    """Sums, but for times of birth, which are the oldest, and limits, which are the largest."""
    result: Families = {}
    for source in sources:
        for family, samples in source.items():
            into = result.setdefault(family, {})
            for sample, value in samples.items():
                into[sample] = _joined(family, sample)(into[sample], value) if sample in into else value
    return result


def exposition(families: Families) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    return generate_latest(registry)


def _joined(family: Described, sample: Sample) -> Callable[[float, float], float]:
    if family.name in _LEAST or (family.kind in _COUNTING and sample[0].endswith(_CREATED)):
        return min
    return max if family.name in _MOST else float.__add__


class _Fixed(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family, samples in self._families.items():
            metric = Metric(family.name, family.help, family.kind)
            for (name, labels), value in samples.items():
                metric.add_sample(name, dict(labels), value)
            yield metric
