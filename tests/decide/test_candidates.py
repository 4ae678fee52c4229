"""Which candidates a route names, in which order, and which facts put one out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from policyroute import Client, Decision, Latency, ModelRequest, PolicySet, RoutingState, build
from policyroute.decide.state import Counted, Counts

MakePolicy = Callable[[str], PolicySet]
Ask = Callable[..., ModelRequest]
Decide = Callable[..., Decision]
Names = Callable[[Decision], list[str]]

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]


def routed(*items: str) -> str:
    return f"default: {{route: [{', '.join(items)}]}}"


def test_requested_is_every_target_of_that_name_or_model(decide: Decide, ask: Ask, names: Names) -> None:
    route = routed("requested")
    assert names(decide(route, ask("gpt"))) == ["gpt@openai", "gpt@azure"]
    assert names(decide(route, ask("qwen3-235b"))) == ["eu@frankfurt"]
    assert names(decide(route, ask("gpt-5-mini"))) == ["mini@openai", "odd@frankfurt"]
    assert decide(route, ask("gpt")).candidates[0].why == "requested"


def test_each_candidate_once_where_it_is_first_named(decide: Decide, ask: Ask, names: Names) -> None:
    assert names(decide(routed("mini", "requested", "gpt"), ask("gpt-5-mini"))) == [
        "mini@openai",
        "odd@frankfurt",
        "gpt@openai",
        "gpt@azure",
    ]


@pytest.mark.parametrize("model", ["auto", "no-such-model"])
def test_a_wish_that_nothing_serves_adds_nobody(decide: Decide, ask: Ask, names: Names, model: str) -> None:
    assert names(decide(routed("requested", "mini"), ask(model))) == ["mini@openai"]
    denied = decide(routed("requested"), ask(model)).denied
    assert denied is not None
    assert (denied.status, denied.code) == (404, "model_not_found")
    assert model in denied.message


def test_auto_is_nobodys_model(ask: Ask) -> None:
    policy_set = build(
        {
            "all.yaml": """
version: 1
providers: {p: {dialect: openai_chat, base_url: https://p.example, region: us}}
targets: {any: {provider: p, model: auto}, other: {provider: p, model: m}}
default: {route: [requested, other]}
"""
        }
    )
    candidates = policy_set.decide(ask("auto"), RoutingState.empty(), 0.0).candidates
    assert [each.target for each in candidates] == ["other"]


def test_a_route_without_requested_overrides_the_client(decide: Decide, ask: Ask, names: Names) -> None:
    assert names(decide(routed("eu"), ask("gpt"))) == ["eu@frankfurt"]


def test_weights_decide_how_often_each_comes_first(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("default: {route: {targets: [mini, eu, odd], weights: {mini: 8, eu: 2, odd: 0}}}")
    first: Counter[str] = Counter()
    for n in range(600):
        candidates = policy_set.decide(ask(id=f"r{n}"), RoutingState.empty(), 0.0).candidates
        assert {each.target for each in candidates} == {"mini", "eu", "odd"}
        assert candidates[-1].target == "odd"
        first[candidates[0].target] += 1
    assert 420 < first["mini"] < 540


def test_a_conversation_stays_where_it_is(policy: MakePolicy, ask: Ask, names: Names) -> None:
    policy_set = policy("default: {route: {targets: [mini, eu, odd], weights: {mini: 1, eu: 1, odd: 1}}}")

    def order(conversation: str, request_id: str) -> tuple[str, ...]:
        request = ask(id=request_id, headers={"X-Conversation-ID": conversation})
        return tuple(names(policy_set.decide(request, RoutingState.empty(), 0.0)))

    assert len({order("c1", f"r{n}") for n in range(20)}) == 1
    assert len({order(f"c{n}", "r") for n in range(50)}) > 1


@pytest.mark.parametrize(
    "route", ["{targets: [mini, eu, odd], weights: {mini: 1, eu: 1}}", "{targets: [gpt, mini], rank: '1'}"]
)
def test_a_conversation_is_a_tenants_own(policy: MakePolicy, ask: Ask, names: Names, route: str) -> None:
    policy_set = policy(f"default: {{route: {route}}}")
    request = ask(headers={"X-Conversation-ID": "c1"})

    def order(tenant: str) -> tuple[str, ...]:
        client = Client(tenant=tenant)
        return tuple(names(policy_set.decide(request, RoutingState.empty(), 0.0, client=client)))

    assert len({order("acme") for _ in range(5)}) == 1
    assert len({order(f"t{n}") for n in range(40)}) > 1


def test_rank_by_cost_puts_the_cheapest_first_and_the_unpriced_last(decide: Decide, ask: Ask, names: Names) -> None:
    decision = decide("default: {route: {targets: [odd, gpt, mini], rank: cost}}", ask(max_tokens=100))
    assert names(decision) == ["mini@openai", "gpt@openai", "gpt@azure", "odd@frankfurt"]
    tokens = ask().input_tokens
    assert decision.candidates[0].score == pytest.approx((tokens * 0.25 + 100 * 2.0) / 1e6)
    assert decision.candidates[-1].why == "unranked"
    assert decision.errors == ()


def test_rank_by_latency_goes_by_what_the_client_waits_for(decide: Decide, ask: Ask, names: Names) -> None:
    state = RoutingState(
        {
            ("gpt", "openai"): Latency(0.1, 0.9, 1.0),
            ("gpt", "azure"): Latency(0.1, 0.2, 5.0),
            ("mini", "openai"): Latency(0.1, 0.3, 2.0),
        }
    )
    text = "default: {route: {targets: [gpt, mini], rank: latency}}"
    assert names(decide(text, ask(stream=True), state)) == ["gpt@azure", "mini@openai", "gpt@openai"]
    assert names(decide(text, ask(), state)) == ["gpt@openai", "mini@openai", "gpt@azure"]


def test_rank_by_cel_and_what_cannot_be_ranked(decide: Decide, names: Names) -> None:
    text = """default: {route: {targets: [odd, mini, gpt], rank: "-target.quality"}}"""
    decision = decide(text)
    assert names(decision) == ["gpt@openai", "gpt@azure", "mini@openai", "odd@frankfurt"]
    assert [(error.rule, error.effect) for error in decision.errors] == [("default", "route.rank")]


def test_ties_fall_by_the_conversation_and_keep_a_targets_providers_in_order(
    policy: MakePolicy, ask: Ask, names: Names
) -> None:
    policy_set = policy("default: {route: {targets: [gpt, mini, eu], rank: '1'}}")
    orders = {tuple(names(policy_set.decide(ask(id=f"r{n}"), RoutingState.empty(), 0.0))) for n in range(40)}
    assert len(orders) > 1
    for order in orders:
        assert order.index("gpt@azure") == order.index("gpt@openai") + 1


def test_a_provider_without_its_key_is_out(decide: Decide, names: Names) -> None:
    decision = decide(routed("gpt"), state=RoutingState(missing_secrets=frozenset({"openai"})))
    assert names(decision) == ["gpt@azure"]
    assert [(out.provider, out.code, out.rule) for out in decision.excluded] == [("openai", "missing_secret", None)]


@pytest.mark.parametrize("body", [{"tools": [TOOL]}, {"messages": IMAGE}])
def test_a_target_that_does_not_support_what_is_asked_is_out(
    decide: Decide, ask: Ask, names: Names, body: dict[str, object]
) -> None:
    decision = decide(routed("eu", "mini"), ask(**body))
    assert names(decision) == ["mini@openai"]
    assert [out.code for out in decision.excluded] == ["supports"]
    assert names(decide(routed("eu"), ask())) == ["eu@frankfurt"]


def test_what_a_target_can_only_be_asked_for_in_words_is_for_rules_to_say(
    decide: Decide, ask: Ask, names: Names
) -> None:
    wanted = ask(response_format=SCHEMA)
    assert names(decide(routed("eu", "mini"), wanted)) == ["eu@frankfurt", "mini@openai"]

    def judged(mode: str, *route: str) -> Any:
        rules = f"rules: [{{id: r, fallback: {{on_unsupported: {mode}}}}}]"
        return decide(f"{rules}\n{routed(*route)}", wanted)

    away = judged("route_away", "eu", "mini")
    assert names(away) == ["mini@openai"]
    assert [(out.target, out.code) for out in away.excluded] == [("eu", "unsupported")]
    assert "response_format" in away.excluded[0].detail
    told = judged("error", "eu", "mini").denied
    assert (told.status, told.code) == (400, "unsupported")
    assert "response_format" in told.message
    assert names(judged("error", "mini", "eu")) == ["mini@openai"]


def test_an_overflow_is_whatever_the_rules_say(decide: Decide, ask: Ask, names: Names) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 4000}])

    def judged(mode: str) -> Any:
        rules = f"rules: [{{id: r, fallback: {{on_overflow: {mode}}}}}]"
        return decide(f"{rules}\n{routed('gpt', 'eu')}", long)

    assert names(judged("larger_window")) == ["eu@frankfurt"]
    assert names(judged("trim"))[0].startswith("gpt@")
    assert judged("error").denied.code == "context_length_exceeded"


def test_a_window_that_turned_out_to_be_smaller_counts_as_that(decide: Decide, ask: Ask, names: Names) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 4000}])
    counts = Counts({("eu", "frankfurt"): Counted(4000)}, {("eu", "frankfurt")})
    decision = decide(routed("eu"), long, state=RoutingState(counts=counts))
    assert [(out.target, out.code) for out in decision.excluded] == [("eu", "context_window")]
    assert "as it turned out" in decision.excluded[0].detail
    seldom = Counts({("eu", "frankfurt"): Counted(ratio=0.5)}, ())
    assert names(decide(routed("eu"), long, state=RoutingState(counts=seldom))) == ["eu@frankfurt"]


def test_a_prompt_goes_to_a_window_that_holds_it(decide: Decide, ask: Ask, names: Names) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 4000}])
    decision = decide(routed("gpt", "eu"), long)
    assert names(decision) == ["eu@frankfurt"]
    assert {out.code for out in decision.excluded} == {"context_window"}


def test_a_prompt_that_just_fits_fits(decide: Decide, ask: Ask, names: Names) -> None:
    """`gpt` has a window of 4,000 tokens."""
    just = ask().declaring(input_tokens=4000, size=20_000)
    more = ask().declaring(input_tokens=4001, size=20_000)
    assert names(decide(routed("gpt", "eu"), just)) == ["gpt@openai", "gpt@azure", "eu@frankfurt"]
    assert names(decide(routed("gpt", "eu"), more)) == ["eu@frankfurt"]


def test_a_prompt_too_long_for_all_is_the_clients_error(decide: Decide, ask: Ask) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 4000}])
    denied = decide(routed("gpt"), long).denied
    assert denied is not None
    assert (denied.status, denied.code) == (400, "context_length_exceeded")


def test_a_window_beside_another_cause_is_not_the_clients_error(decide: Decide, ask: Ask) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 4000}])
    denied = decide("rules: [{id: big, require: target.name == 'gpt'}]\ndefault: {route: [eu, gpt]}", long).denied
    assert denied is not None
    assert (denied.code, denied.rule) == ("no_eligible_target", "big")
    assert "the context window" in denied.message


def test_all_out_says_which_rules_and_facts_did_it(decide: Decide) -> None:
    denied = decide(
        """
        rules: [{id: residency, require: target.region == "us"}, {id: good, quality_floor: 0.9}]
        default: {route: [mini, eu, gpt]}
        """,
        state=RoutingState(missing_secrets=frozenset({"openai", "azure"})),
    ).denied
    assert denied is not None
    assert (denied.status, denied.code) == (403, "no_eligible_target")
    assert denied.rule == "good"
    for cause in ("rule good (quality_floor)", "rule residency (require)", "a provider without its key"):
        assert cause in denied.message
    assert "target.region" not in denied.message


def test_without_a_conversation_the_header_names_the_request(ask: Ask) -> None:
    """The library draws by the id that the client sent, as the gateway does."""
    assert ModelRequest.read("openai_chat", ask().body, {"X-Request-ID": "r7"}).id == "r7"
    assert ModelRequest.read("openai_chat", ask().body, {"X-Request-ID": "r7"}, id="own").id == "own"
