"""`policyroute report` on the log of a gateway whose targets fail in known ways."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Log, chat

from policyroute_asgi import Router, gateway

POLICY = """
version: 1
providers:
  one: {dialect: openai_chat, base_url: "embedded:"}
  two: {dialect: anthropic, base_url: "embedded:"}
targets:
  throttled: {provider: one, model: throttle, price: {input: 1.0, output: 2.0}}
  broken: {provider: one, model: broken-schema, price: {input: 1.0, output: 2.0}}
  fine: {provider: two, model: ok, price: {input: 3.0, output: 6.0}}
rules:
  - {id: swap, when: request.model == "swap", route: [throttled, fine], fallback: {retries: 0, swap_delay: 0ms}}
  - {id: lost, when: request.model == "lost", route: [throttled], fallback: {retries: 0, swap_delay: 0ms}}
  - {id: bent, when: request.model == "bent", route: [broken]}
default: {route: [fine]}
"""
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object", "required": ["q"]}}}

Run = Callable[..., tuple[int, str, str]]


async def _served(folder: Path, log: Log) -> None:
    router = Router(folder, log=log)
    app = gateway(router)
    async with lifespan(app):
        for model in ("auto", "auto", "swap", "lost", "bent"):
            body = chat(model, response_format=SCHEMA) if model == "bent" else chat(model)
            headers = [*JSON, ("x-router-profile", "BATCH" if model == "auto" else "CHAT")]
            await ask(app, "POST", "/v1/chat/completions", body, headers)
        router.services.telemetry.flush()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(POLICY)
    log = Log()
    asyncio.run(_served(folder, log))
    return log.text


@pytest.fixture
def logged(lines: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(lines + b"no line of ours\n")
    return path


def rows(run: Run, *words: object) -> dict[tuple[str, ...], dict[str, Any]]:
    status, said, _ = run("report", *words, "--json")
    assert status == 0
    told = json.loads(said)
    return {tuple(row[name] for name in told["by"]): row for row in told["rows"]}


def test_the_figures_are_those_of_what_was_sent(run: Run, logged: Path) -> None:
    found = rows(run, logged)
    assert set(found) == {("fine", "two"), ("throttled", "one"), ("broken", "one")}
    fine, throttled, broken = found["fine", "two"], found["throttled", "one"], found["broken", "one"]
    assert (fine["requests"], fine["completed"], fine["attempts"], fine["failed"]) == (3, 3, 3, 0)
    assert (throttled["requests"], throttled["completed"], throttled["attempts"]) == (1, 0, throttled["failed"])
    assert throttled["failures"] == {"rate_limited": throttled["failed"]}
    assert throttled["swaps"] == 1
    assert (broken["completed"], broken["intact"], broken["broken"]) == (1, 0, 1)


def test_a_swap_is_told_with_what_it_cost(run: Run, logged: Path) -> None:
    swapped = rows(run, logged)["throttled", "one"]
    [line] = [line for line in map(json.loads, logged.read_bytes().splitlines()[:-1]) if line["route_rule"] == "swap"]
    tokens = line["input_tokens"], line["output_tokens"]
    cheap, dear = (tokens[0] * price[0] / 1e6 + tokens[1] * price[1] / 1e6 for price in ((1.0, 2.0), (3.0, 6.0)))
    assert line["swapped_from"] == {"target": "throttled", "provider": "one"}
    assert line["est_unswapped_usd"] == pytest.approx(cheap)
    assert swapped["swaps_extra_usd"] == pytest.approx(dear - cheap, abs=2e-9)


def test_by_profile_and_hour(run: Run, logged: Path) -> None:
    by_profile = rows(run, logged, "--by", "profile")
    assert {names[0]: row["requests"] for names, row in by_profile.items()} == {"BATCH": 2, "CHAT": 3}
    assert sum(row["requests"] for row in rows(run, logged, "--by", "hour").values()) == 5


def test_packed_files_and_several_are_one_log(run: Run, logged: Path, tmp_path: Path) -> None:
    packed = tmp_path / "older.jsonl.gz"
    packed.write_bytes(gzip.compress(logged.read_bytes()))
    assert rows(run, logged, packed)["fine", "two"]["requests"] == 6


def test_the_time_asked_for_is_kept_to(run: Run, logged: Path) -> None:
    assert rows(run, logged, "--since", "24h")["fine", "two"]["requests"] == 3
    assert rows(run, logged, "--until", "2020-01-01") == {}


def test_people_get_tables_within_100_columns_and_an_answer(run: Run, logged: Path) -> None:
    status, said, _ = run("report", logged)
    assert status == 0
    assert max(map(len, said.splitlines())) <= 100
    assert "throttled one: rate_limited" in said
    assert "Not enough requests to say: 5 of 100." in said
    assert "1 of 6 lines are no request's, and were skipped" in said


def test_nothing_found_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    assert run("report", tmp_path / "empty")[:2] == (0, "no requests found\n")


@pytest.mark.parametrize("words", [["nowhere.jsonl"], ["x", "--by", "colour"], ["x", "--since", "soon"]])
def test_misuse_is_said(run: Run, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = run("report", *words)[0]
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 2
