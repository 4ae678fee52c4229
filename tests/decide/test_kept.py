"""A request that refers to what an account keeps goes to one account only."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from policyroute import Decision, ModelRequest, RoutingState, build

POLICY = """
version: 1
providers:
  openai: {dialect: openai_responses, base_url: https://openai.example/v1}
  azure: {dialect: openai_responses, base_url: https://azure.example/v1}
  chat: {dialect: openai_chat, base_url: https://openai.example/v1}
targets:
  gpt: {providers: [openai, azure], model: gpt, context_window: 1000}
  mini: {provider: openai, model: mini, context_window: 1000}
  chat: {provider: chat, model: gpt, context_window: 1000}
"""


def decide(route: str, rules: str = "[]", state: RoutingState | None = None, **fields: Any) -> Decision:
    policy = build({"policy.yaml": f"{POLICY}\nrules: {rules}\ndefault: {{route: {route}}}\n"})
    body = orjson.dumps({"model": "auto", "input": "Hello", **fields})
    request = ModelRequest.read("openai_responses", body)
    return policy.decide(request, state or RoutingState.empty(), 0.0)


def places(decision: Decision) -> list[str]:
    return [f"{each.target}@{each.provider.name}" for each in decision.candidates]


KEPT: dict[str, Any] = {"previous_response_id": "resp_1"}


def test_what_stands_for_itself_may_go_anywhere() -> None:
    decision = decide("[gpt, chat, mini]", store=True)
    assert places(decision)[:2] == ["gpt@openai", "gpt@azure"]
    assert [each.split("@")[0] for each in places(decision)] == ["gpt", "gpt", "chat", "mini"]


def test_what_an_account_keeps_is_in_its_own_dialect() -> None:
    decision = decide("[chat, mini]", **KEPT)
    assert places(decision) == ["mini@openai"]
    (out,) = decision.excluded
    assert (out.target, out.code) == ("chat", "dialect")
    assert "previous_response_id" in out.detail


@pytest.mark.parametrize(
    "fields",
    [
        KEPT,
        {"conversation": "conv_1"},
        {"background": True},
        {"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Go on."}]},
    ],
)
def test_what_does_not_goes_to_one_provider(fields: dict[str, Any]) -> None:
    decision = decide("[gpt, mini]", **fields)
    assert places(decision) == ["gpt@openai", "mini@openai"]
    (out,) = decision.excluded
    assert (out.target, out.provider, out.code) == ("gpt", "azure", "other_account")
    assert "refers to what one account keeps" in out.detail
    assert "openai" in out.detail


@pytest.mark.parametrize(
    ("rules", "state", "expected"),
    [
        ("[{id: a, require: target.provider != 'openai'}]", RoutingState.empty(), ["gpt@azure"]),
        ("[]", RoutingState(missing_secrets=frozenset({"openai"})), ["gpt@azure"]),
    ],
)
def test_the_first_that_may_serve_decides_the_account(rules: str, state: RoutingState, expected: list[str]) -> None:
    assert places(decide("[gpt, mini]", rules, state, **KEPT)) == expected


def test_nobody_stays_nobody() -> None:
    denied = decide("[chat]", **KEPT).denied
    assert denied is not None
    assert denied.code == "no_eligible_target"
