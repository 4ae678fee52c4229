"""What is said of each request: its JSON line, the metrics, and what the next decision may know."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.support.asgi import ask, call, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute.record import AttemptRecord
from policyroute_asgi import Gateway, gateway
from policyroute_asgi.money import Money

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=log, transport=upstream)
    async with lifespan(app):
        yield app


async def numbers(app: Gateway) -> dict[str, float]:
    text = (await ask(app, "GET", "/metrics")).body.decode()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


async def test_the_line_of_a_request_that_was_swapped(app: Gateway, log: Log) -> None:
    answer = await ask(app, "POST", CHAT, chat("swap", stream=True), [*JSON, ("x-request-id", "r-1")])
    await app.aclose()
    (line,) = log.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", line["ts"])
    assert line["decision_id"] == answer.headers["x-policyroute-decision-id"]
    expected = {
        "event": "llm_request",
        "request_id": "r-1",
        "client": "local",
        "tenant": "local",
        "route_rule": "swap",
        "fired": ["swap"],
        "rule_errors": 0,
        "requested_model": "swap",
        "target": "ok",
        "provider": "demo",
        "model": "ok",
        "stream": True,
        "status": 200,
        "outcome": "ok",
        "revision": answer.headers["x-policyroute-revision"],
    }
    assert {name: line[name] for name in expected} == expected
    first, second = line["attempts"]
    assert (first["target"], first["outcome"], first["status"]) == ("throttle", "rate_limited", 429)
    assert (second["target"], second["outcome"], second["status"]) == ("ok", "ok", 200)
    assert 0 < line["decide_us"] < line["ttft_ms"] * 1000 <= line["total_ms"] * 1000
    assert 0 < second["ttft_ms"] <= second["total_ms"] <= line["total_ms"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_counted_and_in_the_line(policies: Path, upstream: Counting, log: Log, stream: bool) -> None:
    target = "targets:\n  refuse: {provider: demo, model: refuse}\n"
    (policies / "policy.yaml").write_text((policies / "policy.yaml").read_text().replace("targets:\n", target))
    app = gateway(policies, log=log, transport=upstream)
    async with lifespan(app):
        for model in ("refuse", "ok", "refuse"):
            await ask(app, "POST", CHAT, chat(model, stream=stream), JSON)
        counted = await numbers(app)
    assert counted['policyroute_refusals_total{provider="demo",target="refuse"}'] == 2
    assert not [name for name in counted if name.startswith("policyroute_refusals") and "ok" in name]
    assert [(line["refused"], line["attempts"][0]["refused"]) for line in log.lines] == [
        (True, True),
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("model", "status", "outcome"),
    [
        ("ok", 200, "ok"),
        ("throttle", 429, "rate_limited"),
        ("auth", 502, "upstream_auth"),
        ("cut", 200, "stream_broken"),
        ("unheard-of", 404, "model_not_found"),
        ("forbidden", 403, "forbidden_model"),
    ],
)
async def test_status_and_outcome_are_what_the_client_saw(
    app: Gateway, log: Log, model: str, status: int, outcome: str
) -> None:
    await ask(app, "POST", CHAT, chat(model, stream=True), JSON)
    counted = await numbers(app)
    await app.aclose()
    (line,) = log.lines
    assert (line["status"], line["outcome"]) == (status, outcome)
    (requests,) = (name for name in counted if name.startswith("policyroute_requests_total"))
    assert f'outcome="{outcome}"' in requests
    assert f'status="{status}"' in requests


async def test_tokens_are_those_of_the_last_attempt(app: Gateway, log: Log) -> None:
    await ask(app, "POST", CHAT, chat("swap"), JSON)
    await app.aclose()
    (line,) = log.lines
    assert line["input_tokens"] == line["attempts"][-1]["input_tokens"] > 0
    assert line["output_tokens"] == line["attempts"][-1]["output_tokens"] > 0


async def test_attempts_durations_and_first_tokens_are_counted(app: Gateway) -> None:
    await ask(app, "POST", CHAT, chat("swap", stream=True), JSON)
    await ask(app, "POST", CHAT, chat("ok"), JSON)
    counted = await numbers(app)
    throttled = 'policyroute_attempts_total{outcome="rate_limited",provider="demo",target="throttle"}'
    assert counted[throttled] == 1
    assert counted['policyroute_attempts_total{outcome="ok",provider="demo",target="ok"}'] == 2
    assert counted['policyroute_request_duration_seconds_count{target="ok"}'] == 2
    assert counted['policyroute_time_to_first_token_seconds_count{target="ok"}'] == 1
    assert counted["policyroute_decide_seconds_count"] == 2
    assert counted["policyroute_in_flight_requests"] == 0


async def test_labels_never_come_from_a_client(app: Gateway) -> None:
    for number in range(5):
        await ask(app, "POST", CHAT, chat(f"model-{number}"), [*JSON, ("x-request-id", f"id-{number}")])
    text = (await ask(app, "GET", "/metrics")).body.decode()
    assert "model-" not in text
    assert "id-" not in text
    assert len([line for line in text.splitlines() if line.startswith("policyroute_requests_total")]) == 1


async def test_open_requests_are_a_gauge(app: Gateway) -> None:
    stream = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
    await stream.next()
    open_now = await numbers(app)
    assert open_now["policyroute_in_flight_requests"] == 1
    stream.hang_up()
    await stream.finish()
    over = await numbers(app)
    assert over["policyroute_in_flight_requests"] == 0
    assert open_now["policyroute_tasks"] > over["policyroute_tasks"] > 0


SLOW = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:", region: eu}}
targets: {slow: {provider: demo, model: slow-first-token-30ms}, fast: {provider: demo, model: ok}}
rules:
  - id: slow-is-avoided
    when: targets["slow"].latency.known && targets["slow"].latency.ttft_p95 > duration("20ms")
    route: [fast]
  - id: slow-is-busy
    when: targets["slow"].in_flight > 0 || gateway.in_flight > 1
    route: [fast]
  - id: errs-and-is-skipped
    when: 1 / size(request.messages.filter(m, m.role == "tool")) > 0
    route: [fast]
default: {route: [slow]}
"""


async def test_the_next_decision_knows_what_was_observed(tmp_path: Path, log: Log) -> None:
    (tmp_path / "policy.yaml").write_text(SLOW)
    app = gateway(tmp_path, log=log)
    async with lifespan(app):
        first = await ask(app, "POST", CHAT, chat("auto", stream=True), JSON)
        second = await ask(app, "POST", CHAT, chat("auto", stream=True), JSON)
        counted = await numbers(app)
    assert first.headers["x-policyroute-target"] == "slow"
    assert second.headers["x-policyroute-rule"] == "slow-is-avoided"
    errors = 'policyroute_rule_errors_total{consequence="skipped",effect="route",rule="errs-and-is-skipped"}'
    assert counted[errors] >= 1
    assert log.lines[0]["rule_errors"] == 1


async def test_the_next_decision_knows_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(SLOW.replace("slow-first-token-30ms", "stall"))
    app = gateway(tmp_path, log=None)
    async with lifespan(app):
        stream = call(app, "POST", CHAT, chat("auto", stream=True), JSON)
        await stream.next()
        busy = await ask(app, "POST", CHAT, chat("auto", stream=True), JSON)
        stream.hang_up()
        await stream.finish()
        free = call(app, "POST", CHAT, chat("auto", stream=True), JSON)
        await free.next()
        free.hang_up()
        answered = await free.finish()
    assert busy.headers["x-policyroute-rule"] == "slow-is-busy"
    assert answered.headers["x-policyroute-target"] == "slow"


async def test_tokens_swaps_and_open_attempts_are_counted_by_place(app: Gateway) -> None:
    stream = call(app, "POST", CHAT, chat("stall", stream=True), JSON)
    await stream.next()
    during = await numbers(app)
    stream.hang_up()
    await stream.finish()
    usage = json.loads((await ask(app, "POST", CHAT, chat("swap"), JSON)).body)["usage"]
    after = await numbers(app)
    place = 'provider="demo",target='
    assert during[f'policyroute_in_flight_attempts{{{place}"stall"}}'] == 1
    assert after.get(f'policyroute_in_flight_attempts{{{place}"stall"}}', 0) == 0
    assert after[f'policyroute_swaps_total{{cause="rate_limited",{place}"throttle"}}'] == 1
    assert len([name for name in after if name.startswith("policyroute_swaps_total")]) == 1
    served = f'{place}"ok"'
    spent = {
        name: value for name, value in after.items() if name.startswith("policyroute_tokens_total") and served in name
    }
    assert sum(spent.values()) == usage["total_tokens"]
    assert spent[f'policyroute_tokens_total{{kind="output",{place}"ok"}}'] == usage["completion_tokens"]


@pytest.mark.parametrize(
    ("cached", "written", "expected"),
    [
        (None, None, {"input": 100, "output": 7}),
        (60, 0, {"input": 40, "cached_input": 60, "output": 7}),
        (60, 40, {"cached_input": 60, "cache_write": 40, "output": 7}),
    ],
)
def test_no_token_is_of_two_kinds(cached: int | None, written: int | None, expected: dict[str, int]) -> None:
    registry = CollectorRegistry()
    attempt = AttemptRecord(
        1, "t", "p", "m", 0.0, input_tokens=100, output_tokens=7, cached_input_tokens=cached, cache_write_tokens=written
    )
    Money(registry).used(attempt)
    samples = [each for family in registry.collect() for each in family.samples if each.name.endswith("tokens_total")]
    assert {sample.labels["kind"]: sample.value for sample in samples} == expected
