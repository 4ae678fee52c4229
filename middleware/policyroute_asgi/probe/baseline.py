"""What each target was like when somebody last looked, and what of it is otherwise now.

Rule of this module: a file of figures in a fixed order, fit to be kept beside the policies and read in a diff.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from policyroute.policy.spelling import is_map
from policyroute_asgi import durably
from policyroute_asgi.probe.seen import Seen
from policyroute_asgi.probe.suite import Band

Entry = Mapping[str, Any]
"""What was seen of one case at one place, JSON-safe."""
Place = tuple[str, str, str]
"""Target, provider, case."""

COMPARED: Final = ("refused", "schema_valid", "arguments_valid", "truncated", "empty")
TIMES: Final = ("ttft_ms", "total_ms")


class BadBaseline(Exception):
    """A file that is no baseline, and why."""


@dataclass(frozen=True, slots=True)
class Drift:
    what: str
    was: Any
    now: Any

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "was": self.was, "is": self.now}


@dataclass(slots=True)
class Baseline:
    entries: dict[Place, Entry] = field(default_factory=dict[Place, Entry])

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Raises OSError and BadBaseline."""
        try:
            said = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise BadBaseline(f"it is no JSON ({error})") from None
        if not is_map(said) or said.get("version") != 1:
            raise BadBaseline("it is no baseline of version 1")
        try:
            return cls(dict(_entries(said["targets"])))
        except (KeyError, AttributeError, TypeError):
            raise BadBaseline("it is not as `--save` writes it") from None

    def save(self, path: Path) -> None:
        """Raises OSError."""
        targets: dict[str, dict[str, dict[str, Entry]]] = {}
        for (target, provider, case), entry in self.entries.items():
            targets.setdefault(target, {}).setdefault(provider, {})[case] = entry
        said = {"version": 1, "targets": targets}
        durably.write(path, orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


def _entries(targets: Mapping[str, Any]) -> Iterator[tuple[Place, Entry]]:
    for target, providers in targets.items():
        for provider, cases in providers.items():
            for case, entry in cases.items():
                entry.keys()  # a map, or it is no entry
                yield (target, provider, case), entry


def entry_of(seen: Sequence[Seen], unmet: Iterable[str], model: str, when: str) -> dict[str, Any]:
    """Several answers as one entry: what most of them were like, and the median of their times."""
    usual = Counter(_kind(each) for each in seen).most_common(1)[0][0]
    one = next(each for each in seen if _kind(each) == usual)
    return {
        "model": model,
        "seen": when,
        "times": len(seen),
        "outcome": one.outcome,
        **{name: getattr(one, name) for name in COMPARED},
        "finish": one.finish,
        "tools": list(one.tools),
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "ttft_ms": _median([each.ttft_ms for each in seen if each.ttft_ms is not None]),
        "total_ms": _median([each.total_ms for each in seen]),
        "unmet": sorted(set(unmet)),
    }


def _kind(seen: Seen) -> tuple[Any, ...]:
    return (seen.outcome, *(getattr(seen, name) for name in COMPARED))


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None


def drifted(was: Entry, now: Entry, band: Band) -> tuple[Drift, ...]:
    """What is not as it was. Expectations that failed before are known."""
    changed = [Drift(name, was.get(name), now[name]) for name in COMPARED if was.get(name) != now[name]]
    slower = [Drift(name, was[name], now[name]) for name in TIMES if _above(was.get(name), now[name], band)]
    known = was.get("unmet", ())
    news = [Drift("expect", "held", said) for said in now["unmet"] if said not in known]
    return (*changed, *slower, *news)


def _above(was: Any, now: float | None, band: Band) -> bool:
    if not isinstance(was, int | float) or now is None:
        return False
    return now > was * band.factor and now - was > band.ms
