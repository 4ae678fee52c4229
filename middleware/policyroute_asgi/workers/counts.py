"""The numbers of a process as plain values: what changed in a registry since it was last looked at.

Rule of this module: it knows how `prometheus_client` holds its numbers and nothing of what they count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels]
"""Its full name (`..._bucket`, `..._total`) and its labels."""


@dataclass(frozen=True, slots=True)
class Described:
    """A family of samples: `kind` is Prometheus' name for its type."""

    name: str
    kind: str
    help: str


Changes = Mapping[Described, Mapping[Sample, float | None]]
"""None where a sample is no longer there."""


class Counts:
    """Reads one registry. Not for two threads at once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._known: dict[Described, dict[Sample, float]] = {}

    def all(self) -> dict[Described, dict[Sample, float]]:
        """Every sample there is now."""
        return {
            Described(family.name, family.type, family.documentation): {
                (each.name, tuple(each.labels.items())): float(each.value) for each in family.samples
            }
            for family in self._registry.collect()
        }

    def changes(self) -> Changes:
        """What is not as it was when this was last asked."""
        now, before = self.all(), self._known
        self._known = now
        changed: dict[Described, dict[Sample, float | None]] = {}
        for family in now.keys() | before.keys():
            new, old = now.get(family, {}), before.get(family, {})
            samples: dict[Sample, float | None] = {
                sample: value for sample, value in new.items() if old.get(sample) != value
            }
            samples.update(dict.fromkeys(old.keys() - new.keys()))
            if samples:
                changed[family] = samples
        return changed
