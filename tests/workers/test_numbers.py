"""The numbers of many processes as those of one."""

from __future__ import annotations

import os
import re
import signal

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from tests.workers.conftest import Serve

from policyroute_asgi.workers.counts import Counts
from policyroute_asgi.workers.merged import Departed, Told, exposition, merged, of_workers

STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b"]), st.floats(0, 3)), max_size=30)


class Process:
    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter("requests", "Requests", ["target"], registry=registry)
        self.seconds = Histogram("seconds", "Seconds", ["target"], buckets=(1.0, 2.0), registry=registry)
        self.open = Gauge("open", "Open", registry=registry)
        self.counts = Counts(registry)

    def observe(self, target: str, value: float) -> None:
        self.requests.labels(target).inc()
        self.seconds.labels(target).observe(value)
        self.open.inc(value)


@settings(deadline=None)
@given(STEPS, STEPS, st.integers(0, 2))
def test_the_sum_of_the_parts_is_the_whole_whoever_dies(
    first: list[tuple[int, str, float]], second: list[tuple[int, str, float]], dies: int
) -> None:
    whole, parts = Process(), [Process() for _ in range(3)]
    told = [Told() for _ in parts]
    for steps in (first, second):
        for process, target, value in steps:
            parts[process].observe(target, value)
            whole.observe(target, value)
        for part, each in zip(parts, told, strict=True):
            each.add(part.counts.changes())
    departed = Departed()
    departed.add(told.pop(dies))
    seen = read(exposition(merged([departed.families, *(each.families for each in told)])))
    expected = read(exposition(whole.counts.all()))
    still_open = sum(value for process, _, value in first + second if process != dies)
    assert abs(seen.pop("open", 0.0) - still_open) < 1e-6
    expected.pop("open")
    assert seen.keys() == expected.keys()
    assert all(abs(seen[name] - expected[name]) < 1e-6 for name in seen)


def read(text: bytes) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}".removesuffix("[]"): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if "_created" not in sample.name
    }


def test_only_what_changed_is_told_and_what_is_gone_is_gone() -> None:
    process, told = Process(), Told()
    process.observe("a", 1.5)
    process.observe("b", 0.5)
    told.add(process.counts.changes())
    assert process.counts.changes() == {}
    process.observe("a", 0.5)
    changes = process.counts.changes()
    assert {dict(labels).get("target", "a") for samples in changes.values() for _, labels in samples} == {"a"}
    process.requests.remove("b")
    told.add(changes)
    told.add(process.counts.changes())
    assert read(exposition(told.families)) == read(exposition(process.counts.all()))


def test_what_workers_only_echo_of_the_policy_is_not_theirs_to_tell() -> None:
    registry = CollectorRegistry()
    Gauge("policyroute_policy_in_sync", "In sync", registry=registry)
    Gauge("policyroute_in_flight_requests", "Open", registry=registry)
    assert [family.name for family in of_workers(Counts(registry).all())] == ["policyroute_in_flight_requests"]


def test_what_a_dead_worker_had_counted_stays_counted(serve: Serve) -> None:
    gateway = serve("--workers", 2)
    with gateway.client() as client:

        def number(name: str) -> float:
            return sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", client.get("/metrics").text, re.MULTILINE)))

        for _ in range(10):
            with httpx.Client(base_url=client.base_url) as other:
                body = {"model": "auto", "messages": [{"role": "user", "content": "one"}]}
                assert other.post("/v1/chat/completions", json=body).status_code == 200
        assert number("policyroute_requests_total") == number("policyroute_decide_seconds_count") == 10
        for worker in client.get("/-/policy").json()["workers"]:
            os.kill(worker["pid"], signal.SIGKILL)
            gateway.says("it is replaced now")
        while number('policyroute_workers{state="serving"}') < 2:
            pass
        assert number("policyroute_requests_total") == number("policyroute_decide_seconds_count") == 10
        assert number("policyroute_workers_behind") == number("policyroute_in_flight_requests") == 0
        assert number("process_resident_memory_bytes") > 3 * 30e6
