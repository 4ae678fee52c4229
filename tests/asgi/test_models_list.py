"""Each dialect's list of models has what its callers may ask for there, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import ask
from tests.support.edge import Log

from policyroute_asgi import Gateway, gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  openai: {dialect: openai_chat, base_url: "embedded:"}
  newer: {dialect: openai_responses, base_url: "embedded:"}
  claude: {dialect: anthropic, base_url: "embedded:"}
  google: {dialect: gemini, base_url: "embedded:"}
targets:
  chat: {provider: openai, model: ok}
  vectors: {provider: openai, model: vectors, supports: {chat: false, embeddings: true}}
  responses: {provider: newer, model: ok}
  opus: {provider: claude, model: ok}
  opus-vectors: {provider: claude, model: vectors, supports: {chat: false, embeddings: true}}
  flash: {provider: google, model: ok}
  anywhere: {providers: [openai, claude, google], model: ok}
default: {route: [requested]}
"""
Caller = tuple[str, list[tuple[str, str]]]
OPENAI: Caller = ("/v1/models", [])
ANTHROPIC: Caller = ("/v1/models", [("anthropic-version", "2023-06-01")])
GEMINI: Caller = ("/v1beta/models", [])
LISTED = [
    (OPENAI, {"chat", "vectors", "responses", "opus", "flash", "anywhere"}),
    (ANTHROPIC, {"chat", "responses", "opus", "flash", "anywhere"}),
    (GEMINI, {"chat", "responses", "opus", "flash", "anywhere"}),
]
TARGETS = {"chat", "vectors", "responses", "opus", "opus-vectors", "flash", "anywhere"}


@pytest.fixture
def app(tmp_path: Path, log: Log) -> Gateway:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return gateway(tmp_path, log=log)


def named(listed: dict[str, Any]) -> set[str]:
    rows = listed.get("data") or listed["models"]
    return {row.get("id") or row["name"].removeprefix("models/") for row in rows}


@pytest.mark.parametrize(("caller", "expected"), LISTED, ids=["openai", "anthropic", "gemini"])
async def test_a_list_has_what_its_callers_can_reach(app: Gateway, caller: Caller, expected: set[str]) -> None:
    path, headers = caller
    assert named(json.loads((await ask(app, "GET", path, headers=headers)).body)) == expected
    found = {name for name in TARGETS if (await ask(app, "GET", f"{path}/{name}", headers=headers)).status == 200}
    assert found == expected


async def test_gemini_is_told_what_may_be_asked_of_each(app: Gateway) -> None:
    listed = json.loads((await ask(app, "GET", GEMINI[0])).body)["models"]
    assert {tuple(row["supportedGenerationMethods"]) for row in listed} == {("generateContent",)}
