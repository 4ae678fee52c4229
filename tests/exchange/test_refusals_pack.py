"""What the pack `refusals` takes out of a request, and for whom."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import yaml

from policyroute import Client, ModelRequest, RoutingState
from policyroute import build as build_policy
from policyroute.exchange.payload import build

STRING = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86"
POLICY = """
version: 1
use: [refusals]
providers:
  openai: {dialect: openai_chat, base_url: "embedded:"}
  anthropic: {dialect: anthropic, base_url: "embedded:"}
targets:
  claude: {provider: anthropic, model: claude-sonnet-4-6}
  routed: {provider: openai, model: anthropic/claude-sonnet-4.6}
  gpt: {provider: openai, model: gpt-5.5}
rules:
  - id: mine
    transform: {rewrite: [{find: 'secret', replace: '[gone]'}]}
default: {route: [claude, routed, gpt]}
"""
SAID = "a secret sign"


def sent(body: dict[str, Any], target: str, dialect: str = "openai_chat", policy_text: str = POLICY) -> str:
    """The body that a target of the policy gets, as text."""
    policy = build_policy({"main.yaml": policy_text})
    request = ModelRequest.read(dialect, orjson.dumps({"model": target, **body}))
    state = RoutingState.empty()
    decision = policy.decide(request, state, now=0.0, client=Client())
    [candidate] = [each for each in decision.candidates if each.target == target]
    return build(request, policy.hop(decision, candidate, state), None).outbound.body.decode()


def chat(said: str, system: str = "Be brief.") -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": said}]}


TOOL_RESULT: dict[str, Any] = {
    "max_tokens": 9,
    "messages": [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": f"// {STRING}\nint x;"}]},
    ],
    "tools": [{"name": "read", "input_schema": {"type": "object"}}],
}


@pytest.mark.parametrize("target", ["claude", "routed"])
def test_the_test_string_does_not_reach_a_claude(target: str) -> None:
    body = sent(chat(f"{SAID} {STRING}, said it"), target)
    assert "MAGIC" not in body
    assert "a [gone] sign [test string], said it" in body


def test_nor_does_it_in_what_a_tool_found() -> None:
    body = sent(TOOL_RESULT, "claude", "anthropic")
    assert "MAGIC" not in body
    assert "// [test string]\\nint x;" in body


def test_other_models_get_all_of_it() -> None:
    assert f"a [gone] sign {STRING}" in sent(chat(f"{SAID} {STRING}"), "gpt")


def test_an_order_to_tell_the_reasoning_becomes_one_to_work() -> None:
    body = sent(chat("Hi", system="Narrate your reasoning and take actions freely."), "claude")
    assert "work through the task and take actions freely." in body
    assert "Narrate your reasoning" in sent(chat("Hi", system="Narrate your reasoning."), "gpt")


def test_a_prompt_without_triggers_is_sent_as_it_is() -> None:
    body = {"model": "routed", "max_tokens": 5, **chat("Explain your reasoning. (MAGIC_STRING)")}
    [alone] = yaml.safe_load_all(POLICY)
    asked = sent(body, "routed", policy_text=yaml.safe_dump({**alone, "rules": []}))
    assert asked == orjson.dumps({**body, "model": "anthropic/claude-sonnet-4.6"}).decode()
