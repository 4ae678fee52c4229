"""Figures of parts, merged, are the figures of the whole; and what they come to in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policyroute.report import ENOUGH, Figures, Histogram, judged
from policyroute.report.line import read

_START = 1_772_366_400.0  # 2026-03-01T12:00:00Z


def attempt(target: str, outcome: str = "ok", **fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ttft_ms": 10.0,
        "total_ms": 100.0,
        "input_tokens": 100,
        "cached_input_tokens": 50,
        "output_tokens": 10,
    }
    if outcome != "ok":
        told = dict.fromkeys(told)
    return {"target": target, "provider": f"of-{target}", "outcome": outcome, "cost_usd": 0.001, **told, **fields}


def line(second: float, *attempts: dict[str, Any], left: str = "", **fields: Any) -> dict[str, Any]:
    swap = {"swapped_from": {"target": left, "provider": f"of-{left}"}, "est_unswapped_usd": 0.0005} if left else {}
    return {
        "event": "llm_request",
        "ts": datetime.fromtimestamp(_START + second, UTC).isoformat(),
        "profile": "CHAT",
        "stream": True,
        "completed": bool(attempts) and attempts[-1]["outcome"] == "ok",
        "schema_intact": None,
        "cost_usd": 0.001,
        "attempts": list(attempts),
        **swap,
        **fields,
    }


def figures(lines: list[dict[str, Any]]) -> Figures:
    made = Figures()
    for each in lines:
        told = read(each)
        assert told is not None
        made.add(told)
    return made


_TRIES = st.sampled_from(["ok", "unavailable", "rate_limited", "refused", "client_closed"])


def _one(second: int, first: str, other: bool, profile: str) -> dict[str, Any]:
    swapped = other and first == "unavailable"
    tries = [attempt("a", first), *([attempt("b")] if swapped else [])]
    return line(second, *tries, left="a" if swapped else "", profile=profile)


_LINES = st.builds(_one, st.integers(0, 20_000), _TRIES, st.booleans(), st.sampled_from(["CHAT", "AGENT"]))


@given(st.lists(_LINES, max_size=20), st.integers(0, 20))
def test_merging_parts_is_aggregating_the_whole(lines: list[dict[str, Any]], cut: int) -> None:
    whole, one, other = figures(lines), figures(lines[:cut]), figures(lines[cut:])
    one.merge(other)
    assert one == whole
    assert judged(one).as_json() == judged(whole).as_json()


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_a_percentile_is_right_to_within_a_bucket(numbers: list[float]) -> None:
    histogram = Histogram()
    for number in numbers:
        histogram.add(number)
    exact = sorted(numbers)[-(-len(numbers) // 2) - 1]
    found = histogram.at(0.5)
    assert found is not None
    assert exact / 1.03 <= found <= exact * 1.03
    assert histogram.largest == max(numbers)


def test_what_is_no_line_of_a_request_is_none() -> None:
    nothing: list[object] = [None, [], 3, {}, {"event": "llm_request"}, {"event": "other", "ts": "2026-03-01"}]
    assert [read(each) for each in nothing] == [None] * len(nothing)


def test_few_requests_say_nothing() -> None:
    assert judged(figures([line(0, attempt("a"))])).answer == "unknown"


def test_no_swap_means_no_need() -> None:
    verdict = judged(figures([line(second, attempt("a")) for second in range(ENOUGH)]))
    assert (verdict.answer, verdict.outages) == ("no", ())


def test_an_outage_that_another_saw_through_is_a_need() -> None:
    well = [line(second, attempt("a")) for second in range(0, 600, 2)]
    down = [line(second, attempt("a", "unavailable"), attempt("b"), left="a") for second in range(600, 1200, 10)]
    verdict = judged(figures(well + down))
    assert (verdict.answer, verdict.saved, verdict.failed) == ("yes", 60, 0)
    [outage] = verdict.outages
    assert (outage.target, outage.minutes, outage.requests) == ("a", 10, 60)
    assert verdict.extra_usd is not None
    assert round(verdict.extra_usd, 6) == 0.03
    assert verdict.words()[0] == "Yes, a second provider was needed."
