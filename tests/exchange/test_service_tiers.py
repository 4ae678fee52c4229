"""A service tier that a rule asks for goes to models that are known to have it, and nobody else hears of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from policyroute import Decision, ModelRequest, PolicySet, RoutingState
from policyroute import build as build_policy
from policyroute.exchange.payload import Payload, build

POLICY = """
version: 1
use: [profiles]
providers:
  openai: {vendor: openai}
  gemini: {vendor: gemini}
  claude: {vendor: anthropic}
  house: {dialect: openai_chat, base_url: "https://house.example/v1"}
targets:
  flexible: {provider: openai, model: gpt-5-mini}
  google: {provider: gemini, model: gemini-2.5-pro}
  rigid: {provider: openai, model: gpt-4o}
  anthropic: {provider: claude, model: claude-sonnet-4-5}
  unknown: {provider: house, model: m}
  declared: {provider: house, model: n, takes: {service_tier: [flex]}}
default: {route: [requested]}
"""
TIERS = {"flexible": "flex", "google": "flex", "declared": "flex", "rigid": None, "anthropic": None, "unknown": None}


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return build_policy({"a.yaml": POLICY})


def sent(policy: PolicySet, target: str, profile: str = "BATCH", **more: Any) -> tuple[Decision, Payload, Any]:
    body = orjson.dumps({"model": target, "messages": [{"role": "user", "content": "Hi"}], **more})
    request = ModelRequest.read("openai_chat", body, {"x-router-profile": profile}, "/v1/chat/completions")
    decision = policy.decide(request, RoutingState.empty(), 0.0)
    hop = policy.hop(decision, decision.candidates[0], RoutingState.empty())
    payload = build(request, hop, None)
    data = orjson.loads(payload.outbound.body)
    return decision, payload, data.get("service_tier", data.get("serviceTier"))


@pytest.mark.parametrize(("target", "tier"), TIERS.items())
def test_a_batch_may_come_later_where_the_model_has_a_tier_for_that(
    policy: PolicySet, target: str, tier: str | None
) -> None:
    decision, payload, found = sent(policy, target)
    assert found == tier
    assert [change.field for change in payload.changes if change.field == "service_tier"] == []
    assert decision.excluded == ()


@pytest.mark.parametrize("profile", ["CHAT", "AGENT", "SAVINGS"])
def test_nobody_else_is_kept_waiting(policy: PolicySet, profile: str) -> None:
    assert sent(policy, "flexible", profile)[2] is None


def test_the_tier_that_a_client_names_stands(policy: PolicySet) -> None:
    assert sent(policy, "flexible", service_tier="priority")[2] == "priority"
