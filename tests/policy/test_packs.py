"""The shipped packs: what they may hold, and that their own tests pass beside the smallest policy there is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from policyroute import Client, ModelRequest, RoutingState, build
from policyroute.policy.files import shipped_packs

HOST = """
version: 1
use: [{name}]
providers: {{demo: {{dialect: openai_chat, base_url: "embedded:"}}}}
targets: {{ok: {{provider: demo, model: ok}}}}
default: {{route: [requested, ok]}}
"""
PACKS = sorted(shipped_packs())


def sections(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(shipped_packs()[name])
    return found


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_names_nothing_of_its_users(name: str) -> None:
    assert sections(name).keys() <= {"version", "constants", "variables", "rules", "tests"}


@pytest.mark.parametrize("name", PACKS)
def test_the_tests_of_a_pack_pass(name: str) -> None:
    tests = sections(name)["tests"]
    assert tests
    policy = build({"host.yaml": HOST.format(name=name), "tests.yaml": yaml.safe_dump({"version": 1, "tests": tests})})
    assert len(policy.program.cases) == len(tests)
    assert policy.program.warnings == ()


def test_a_rule_of_the_user_wins_over_a_pack() -> None:
    mine = "version: 1\nrules: [{id: mine, limits: {ttft: 1s}}]\n"
    policy = build({"host.yaml": HOST.format(name="profiles"), "mine.yaml": mine})
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'
    request = ModelRequest.read("openai_chat", body=body, headers={}, path="/v1/chat/completions")
    decision = policy.decide(request, RoutingState.empty(), now=0.0, client=Client())
    assert (decision.limits.ttft, decision.limits.idle) == (1.0, 20.0)
