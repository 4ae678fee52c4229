"""The page on metrics has every metric there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from policyroute_asgi import gateway
from policyroute_asgi.connections import ConnectionLimits, Connections
from policyroute_asgi.workers.counts import Counts
from policyroute_asgi.workers.pages import SupervisorMetrics

PAGE = Path(__file__).parents[2] / "docs" / "observability.md"


def exposed(registry: CollectorRegistry) -> set[str]:
    """As `/metrics` has them."""
    return {family.name + "_total" * (family.kind == "counter") for family in Counts(registry).all()}


def test_every_metric_is_documented_and_none_that_is_not_there(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    gateway(tmp_path, registry=registry).watch_connections(Connections(ConnectionLimits(connections=1)))
    ours = exposed(registry) | exposed(SupervisorMetrics().registry)
    section = PAGE.read_text(encoding="utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert {name for name in ours if not name.startswith("process_")} == set(rows)
