"""What an operator's overrides make of a decision: order and absence, never a way round a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.conftest import make_policy, make_request

from policyroute import Client, Decision, ModelRequest, Operation, PolicySet, RoutingState, build
from policyroute.decide.overrides import Override, Overrides
from policyroute.sessions import Pin, Session, Settings

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]

NOW = 1_800_000_000.0
ROUTE = "default: {route: [mini, gpt, eu]}"


def use(name: str, since: float = NOW, until: float = NOW + 60) -> Override:
    return Override(name, "use", "it is better now", since, until)


def drain(name: str, since: float = NOW, until: float = NOW + 60) -> Override:
    return Override(name, "drain", "it is down", since, until)


def decide(policy: PolicySet, request: ModelRequest, *overrides: Override, **facts: Any) -> Decision:
    return policy.decide(request, RoutingState(overrides=Overrides.at(overrides, NOW)), NOW, **facts)


def places(decision: Decision) -> list[str]:
    return [f"{each.target}/{each.provider.name}" for each in decision.candidates]


def why_out(decision: Decision) -> dict[str, str]:
    return {f"{each.target}/{each.provider}": each.code for each in decision.excluded}


def test_use_puts_a_target_first_at_all_its_providers(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), use("gpt"))
    assert places(decision) == ["gpt/openai", "gpt/azure", "mini/openai", "eu/frankfurt"]
    assert [each.why for each in decision.candidates] == ["override", "override", "routed", "routed"]
    assert "override `use gpt`: it is better now" in decision.reasons


@pytest.mark.parametrize("model", ["auto", "mini"])
@pytest.mark.parametrize(
    "route",
    [
        "default: {route: [requested, mini, eu]}",
        "default: {route: {targets: [mini, eu], weights: {mini: 1, eu: 0}}}",
        "default: {route: {targets: [mini, eu], rank: cost}}",
    ],
)
def test_use_comes_before_wish_chance_and_rank(route: str, model: str, policy: MakePolicy, ask: Ask) -> None:
    assert places(decide(policy(route), ask(model), use("eu"))) == ["eu/frankfurt", "mini/openai"]


def test_use_adds_nobody_to_a_route(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy("default: {route: [mini]}"), ask(), use("eu"))
    assert places(decision) == ["mini/openai"]
    assert decision.overrides == ()


@pytest.mark.parametrize(
    ("rules", "body", "code"),
    [
        ("rules: [{id: home, require: 'target.region == \"us\"'}]", {}, "require"),
        ("rules: [{id: good, quality_floor: 0.92}]", {}, "quality_floor"),
        ("", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "supports"),
    ],
)
def test_use_lifts_no_constraint(rules: str, body: dict[str, Any], code: str, policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(f"{rules}\n{ROUTE}"), ask(**body), use("eu"))
    assert why_out(decision)["eu/frankfurt"] == code
    assert places(decision)[-1] != "eu/frankfurt"


def test_use_lifts_no_grant(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), use("eu"), client=Client(models=("mini",)))
    assert places(decision) == ["mini/openai"]


@pytest.mark.parametrize(
    ("name", "left"), [("openai", ["gpt/azure", "eu/frankfurt"]), ("gpt", ["mini/openai", "eu/frankfurt"])]
)
def test_drain_takes_a_provider_or_a_target_out(name: str, left: list[str], policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), drain(name))
    assert places(decision) == left
    assert set(why_out(decision).values()) == {"drained"}
    assert decision.as_json()["overrides"] == [drain(name).as_json()]
    assert any("it is down" in reason for reason in decision.reasons)


def test_where_all_are_drained_the_request_is_refused_and_told_no_reason(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy("default: {route: [mini, eu]}"), ask(), drain("openai"), drain("eu"))
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code) == (503, "drained")
    assert not any(word in decision.denied.message for word in ("it is down", "openai", "eu"))
    assert {each.name for each in decision.overrides} == {"openai", "eu"}


def test_who_is_out_by_a_rule_is_not_said_to_be_drained(policy: MakePolicy, ask: Ask) -> None:
    rules = "rules: [{id: home, require: 'target.region == \"eu\"'}]\ndefault: {route: [mini]}"
    decision = decide(policy(rules), ask(), drain("openai"))
    assert decision.denied is not None
    assert decision.denied.code == "no_eligible_target"


def test_the_last_override_wins(policy: MakePolicy, ask: Ask) -> None:
    both = decide(policy(ROUTE), ask(), use("gpt", NOW - 5), use("eu", NOW - 3))
    assert places(both) == ["eu/frankfurt", "gpt/openai", "gpt/azure", "mini/openai"]
    instead = decide(policy(ROUTE), ask(), drain("eu", NOW - 5), use("eu", NOW - 3))
    assert places(instead)[0] == "eu/frankfurt"


def test_use_lifts_no_drain_of_the_provider(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), drain("openai", NOW - 5), use("gpt", NOW - 3))
    assert places(decision) == ["gpt/azure", "eu/frankfurt"]


def test_one_that_has_ended_does_nothing(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), drain("openai", NOW - 5, NOW), use("eu", NOW - 5, NOW - 1))
    assert places(decision)[0] == "mini/openai"
    assert Overrides.at([use("a", until=NOW + 5), use("b", until=NOW + 3), use("c", until=NOW)], NOW).ends == NOW + 3


def test_before_each_attempt_drains_are_seen_again(policy: MakePolicy, ask: Ask) -> None:
    made = policy(ROUTE)
    decision = decide(made, ask())
    later = RoutingState(overrides=Overrides([drain("azure")]))
    out = {places(decision)[n]: made.hop(decision, each, later).excluded for n, each in enumerate(decision.candidates)}
    reason = out.pop("gpt/azure")
    assert reason is not None
    assert reason.code == "drained"
    assert set(out.values()) == {None}


PINNED = Session("CHAT", Settings(pin=True), NOW - 90, NOW - 10, 3, Pin("mini", "openai"), home=("mini", "openai"))


@pytest.mark.parametrize(
    ("override", "first", "code"),
    [
        (use("eu"), "eu/frankfurt", "override"),
        (drain("mini"), "gpt/openai", "drained"),
        (use("mini"), "mini/openai", ""),
        (drain("eu"), "mini/openai", ""),
    ],
)
def test_a_pin_gives_way_and_it_is_said_why(
    override: Override, first: str, code: str, policy: MakePolicy, ask: Ask
) -> None:
    decision = decide(policy(ROUTE), ask(), override, session=PINNED)
    assert (places(decision)[0], decision.unpinned) == (first, code)


def test_embeddings_go_to_no_other_model_than_before() -> None:
    """Vectors of two models have nothing to do with each other: a drain makes none from another."""
    made = build(
        {
            "all.yaml": """
version: 1
providers:
  one: {dialect: openai_chat, base_url: "embedded:"}
  two: {dialect: openai_chat, base_url: "embedded:"}
targets:
  a: {provider: one, model: text-embedding-3-small, supports: {embeddings: true}}
  b: {provider: two, model: text-embedding-3-large, supports: {embeddings: true}}
default: {route: [a, b]}
"""
        }
    )
    body = orjson.dumps({"model": "auto", "input": "Hello"})
    request = ModelRequest.read(
        "openai_chat", body, {}, "/v1/embeddings", id="r1", received_at=NOW, operation=Operation.EMBEDDINGS
    )
    assert places(decide(made, request, use("b"))) == ["a/one"]
    refused = decide(made, request, drain("one"))
    assert refused.denied is not None
    assert refused.denied.code == "drained"


MADE, REQUEST = make_policy(ROUTE), make_request()
NAMES = ("gpt", "mini", "eu", "openai", "azure", "frankfurt")


@given(
    st.lists(
        st.builds(
            Override,
            st.sampled_from(NAMES),
            st.sampled_from(("use", "drain")),
            st.just("why"),
            st.integers(0, 9).map(float),
            st.just(NOW),
        )
    )
)
def test_overrides_reorder_and_take_out_and_nothing_else(every: list[Override]) -> None:
    plain = decide(MADE, REQUEST)
    decision = MADE.decide(REQUEST, RoutingState(overrides=Overrides(every)), NOW)
    last = {each.name: each.action for each in sorted(every, key=lambda each: each.since)}
    drained = {name for name, action in last.items() if action == "drain"}
    out = {place for place in places(plain) if drained & {*place.split("/")}}
    assert why_out(decision) == dict.fromkeys(out, "drained")
    assert sorted(places(decision)) == sorted({*places(plain)} - out)
    used = [last.get(place.split("/")[0]) == "use" for place in places(decision)]
    assert used == sorted(used, reverse=True)
