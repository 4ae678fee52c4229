"""Percentiles of what was lately observed, against sorting the last samples anew."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from policyroute.record import AttemptRecord
from policyroute_asgi.latency import MAX_AGE, SAMPLES, Latencies, Window

GPT = ("gpt", "openai")


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, MAX_AGE / 50)), min_size=1, max_size=3 * SAMPLES))
def test_a_window_is_the_sorted_recent_samples(samples: list[tuple[float, float]]) -> None:
    window, now, kept = Window(), 0.0, list[tuple[float, float]]()
    for value, pause in samples:
        now += pause
        window.add(value, now)
        kept = [*kept, (now, value)][-SAMPLES:]
    recent = sorted(value for at, value in kept if at >= now - MAX_AGE)
    for ratio in (0.5, 0.95, 1.0):
        assert window.percentile(ratio, now) == recent[ceil(len(recent) * ratio) - 1]


def attempt(ttft: float, total: float, opened: float = 0.0, outcome: str = "ok") -> AttemptRecord:
    return AttemptRecord(1, *GPT, "gpt-5", opened, opened + ttft, opened + total, outcome)


def test_streams_teach_both_figures_and_json_answers_the_total_only() -> None:
    latencies = Latencies(lambda: 10.0)
    latencies.add(attempt(1.0, 2.0), stream=False)
    assert latencies[GPT] == (None, None, 2.0)
    latencies.add(attempt(0.5, 3.0), stream=True)
    assert latencies[GPT] == (0.5, 0.5, 3.0)


def test_failures_teach_nothing() -> None:
    latencies = Latencies(lambda: 10.0)
    latencies.add(attempt(0.001, 0.002, outcome="rate_limited"), stream=True)
    assert GPT not in latencies


def test_a_target_that_is_no_longer_asked_becomes_unknown() -> None:
    now = [5.0]
    latencies = Latencies(lambda: now[0])
    latencies.add(attempt(1.0, 2.0), stream=True)
    now[0] += MAX_AGE + 3
    assert latencies[GPT] == (None, None, None)
