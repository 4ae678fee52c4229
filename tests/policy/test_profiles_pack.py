"""The pack of profiles: who is tried first by each, with targets of all sorts."""

from __future__ import annotations

from collections import Counter

import pytest

from policyroute import Decision, GatewayLoad, Latency, ModelRequest, PolicySet, RoutingState, build
from policyroute.cel.compile import Compiler

HOST = """
version: 1
use: [profiles]
providers:
  one: {dialect: openai_chat, base_url: https://one.example/v1}
  two: {dialect: openai_chat, base_url: https://two.example/v1}
targets:
  best:   {provider: one, model: best, quality: 0.95, price: {input: 5, output: 20}}
  good:   {providers: [one, two], model: good, quality: 0.85, price: {input: 1, output: 4}}
  small:  {providers: [one, two], model: small, quality: 0.6, price: {input: 0.1, output: 0.4}, context_window: 500}
  unsaid: {provider: two, model: unsaid}
default: {route: [requested, best, good, small, unsaid]}
"""
_COMPILER = Compiler()


def made(more: str = "") -> PolicySet:
    return build({"a.yaml": HOST + more}, _COMPILER)


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return made()


def decided(
    policy: PolicySet, profile: str, state: RoutingState | None = None, *, id: str = "r1", body: bytes = b""
) -> Decision:
    body = body or b'{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
    headers = {"x-router-profile": profile}
    request = ModelRequest.read("openai_chat", body, headers, "/v1/chat/completions", id=id)
    return policy.decide(request, state or RoutingState.empty(), 0.0)


def order(decision: Decision) -> list[str]:
    assert decision.errors == ()
    return list(dict.fromkeys(each.target for each in decision.candidates))


def seen(load: float = 0.0, **seconds: float) -> RoutingState:
    known = {(name, provider): Latency(0.0, ttft, 9.0) for name, ttft in seconds.items() for provider in ("one", "two")}
    return RoutingState(known, gateway=GatewayLoad(load=load))


# CHAT -----------------------------------------------------------------------------------------------------------------


def test_a_chat_goes_to_who_is_quick(policy: PolicySet) -> None:
    assert order(decided(policy, "CHAT", seen(best=0.9, good=0.3, small=0.1, unsaid=0.5))) == [
        "good",
        "unsaid",
        "best",
        "small",
    ]


def test_it_steps_down_while_there_is_little_room_and_comes_back(policy: PolicySet) -> None:
    for load, first in ((0.2, "good"), (0.75, "small"), (0.9, "small"), (0.7, "good")):
        assert order(decided(policy, "CHAT", seen(load, best=0.9, good=0.3, small=0.1, unsaid=0.5)))[0] == first


def test_between_equals_the_route_decides(policy: PolicySet) -> None:
    assert order(decided(policy, "CHAT")) == ["best", "good", "unsaid", "small"]
    assert order(decided(policy, "CHAT", seen(best=0.48, good=0.37, small=0.1, unsaid=0.39)))[0] == "best"


def test_a_chat_that_names_a_model_gets_it(policy: PolicySet) -> None:
    body = b'{"model": "small", "messages": [{"role": "user", "content": "Hello"}]}'
    assert order(decided(policy, "CHAT", seen(best=0.1, good=0.1, small=2.0, unsaid=0.1), body=body))[0] == "small"


# AGENT ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [0.0, 0.5, 0.99])
def test_an_agent_never_gets_less_than_its_floor(policy: PolicySet, load: float) -> None:
    decision = decided(policy, "AGENT", seen(load, best=9.0, good=9.0, small=0.1, unsaid=9.0))
    assert order(decision) == ["best", "good", "unsaid"]
    assert {each.rule for each in decision.excluded} == {"profiles/agent-floor"}


def test_its_floor_can_be_taken_out_alone() -> None:
    decision = decided(made("disable: [profiles/agent-floor]\n"), "AGENT")
    assert "small" in order(decision)
    assert "profiles/agent" in decision.fired


# BATCH ----------------------------------------------------------------------------------------------------------------


def test_a_batch_goes_where_it_is_cheap_over_all_accounts(policy: PolicySet) -> None:
    first: Counter[str] = Counter()
    for n in range(60):
        decision = decided(policy, "BATCH", id=f"r{n}")
        assert order(decision) == ["small", "good", "best", "unsaid"]
        first[decision.candidates[0].provider.name] += 1
    assert min(first["one"], first["two"]) > 15


def test_it_goes_first_to_the_account_with_the_fewest_attempts_open(policy: PolicySet) -> None:
    busy = RoutingState(in_flight={("small", "one"): 3, ("small", "two"): 2})
    assert {decided(policy, "BATCH", busy, id=f"r{n}").candidates[0].provider.name for n in range(20)} == {"two"}
    crowded = RoutingState(in_flight={("small", "one"): 500, ("small", "two"): 500})
    assert order(decided(policy, "BATCH", crowded))[0] == "small"


# SAVINGS --------------------------------------------------------------------------------------------------------------


def test_savings_go_to_the_cheapest_that_fits(policy: PolicySet) -> None:
    assert order(decided(policy, "SAVINGS", seen(best=0.1, good=0.1, small=9.0))) == ["small", "good", "best", "unsaid"]
    long = b'{"model": "auto", "messages": [{"role": "user", "content": "%b"}]}' % (b"word " * 2000)
    assert order(decided(policy, "SAVINGS", body=long)) == ["good", "best", "unsaid"]
