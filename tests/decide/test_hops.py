"""What the rules say of one attempt, asked again before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from policyroute import Client, Decision, Health, Latency, ModelRequest, PolicySet, RoutingState
from policyroute.decide import Candidate, Hop

MakePolicy = Callable[[str], PolicySet]
Ask = Callable[..., ModelRequest]

FAST = RoutingState({("mini", "openai"): Latency(0.1, 0.2, 0.3)})
SLOW = RoutingState({("mini", "openai"): Latency(1.0, 9.0, 9.0)})


def hops(policy_set: PolicySet, request: ModelRequest, team: str = "") -> list[Hop]:
    decision = policy_set.decide(request, FAST, 0.0, client=Client(team=team))
    return [policy_set.hop(decision, candidate, FAST) for candidate in decision.candidates]


def ttft(candidate: Candidate) -> float:
    assert candidate.facts is not None
    return candidate.facts.latency.ttft_p95.seconds


def test_a_constraint_that_no_longer_holds_puts_the_candidate_out(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("""
    rules:
      - {id: fast, require: target.latency.ttft_p95 < duration("1s")}
    default: {route: [mini]}
    """)
    decision = policy_set.decide(ask(), FAST, 0.0)
    (candidate,) = decision.candidates
    assert policy_set.hop(decision, candidate, FAST).excluded is None
    late = policy_set.hop(decision, candidate, SLOW)
    assert late.excluded is not None
    assert (late.excluded.code, late.excluded.rule) == ("require", "fast")
    assert (ttft(candidate), ttft(late.candidate)) == (0.2, 9.0)
    assert policy_set.hop(decision, candidate, FAST).excluded is None


def test_health_is_read_again(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("""
    rules:
      - id: well
        require: >
          target.health.state != "open" && target.health.error_rate < 0.5 &&
          (!has(target.health.open_until) || target.health.open_until < timestamp("2026-03-01T12:00:00Z"))
    default: {route: [mini]}
    """)

    def out(health: Health) -> bool:
        state = RoutingState(health={("mini", "openai"): health})
        return policy_set.hop(decision, decision.candidates[0], state).excluded is not None

    decision = policy_set.decide(ask(), RoutingState.empty(), 0.0)
    assert [out(Health()), out(Health("half_open", 0.4, 1_772_366_399.0))] == [False, False]
    assert [out(Health("open")), out(Health(error_rate=0.5)), out(Health("half_open", 0, 1_772_366_400.0))] == [
        True
    ] * 3
    ill = policy_set.hop(
        decision, decision.candidates[0], RoutingState(health={("mini", "openai"): Health("open", 1.0, 0.0)})
    )
    assert ill.candidate.facts is not None
    assert ill.candidate.facts.observed()["health"] == {
        "state": "open",
        "error_rate": 1.0,
        "open_until": "1970-01-01T00:00:00Z",
    }


def test_a_key_that_went_missing_puts_the_candidate_out(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("default: {route: [mini]}")
    decision = policy_set.decide(ask(), FAST, 0.0)
    gone = policy_set.hop(decision, decision.candidates[0], RoutingState(missing_secrets=frozenset({"openai"})))
    assert gone.excluded is not None
    assert gone.excluded.code == "missing_secret"


def test_transforms_are_those_whose_where_holds_with_their_values(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("""
    rules:
      - {id: for-eu, transform: {set: {temperature: 0.2}, where: target.region == "eu"}}
      - {id: for-all, transform: {set: {user: {cel: client.team}, seed: 7}}}
      - {id: erring, transform: {set: {max_tokens: {cel: 10 / size(request.tools)}}}}
      - {id: no-where, transform: {remove: [stop], where: 10 / size(request.tools) > 1}}
    default: {route: [mini, eu]}
    """)
    mini, eu = hops(policy_set, ask(), team="blue")
    assert [rule for rule, _ in mini.transforms] == ["for-all"]
    assert [rule for rule, _ in eu.transforms] == ["for-eu", "for-all"]
    values = mini.transforms[0][1].set
    assert (values["user"].literal, values["user"].expression, values["seed"].literal) == ("blue", None, 7)
    assert [(error.rule, error.effect, error.consequence) for error in mini.errors] == [
        ("erring", "transform", "skipped"),
        ("no-where", "transform.where", "skipped"),
    ]


def test_headers_are_those_of_every_rule_whose_where_holds(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("""
    rules:
      - {id: one, request_headers: {set: {X-A: "1", X-B: "1"}}, response_headers: {set: {X-Team: {cel: client.team}}}}
      - {id: two, request_headers: {set: {X-C: {cel: string(size(request.tools))}}, remove: [X-D, User-Agent]}}
      - {id: eu, request_headers: {set: {X-Eu: "1"}, where: target.region == "eu"}}
    default: {route: [mini]}
    """)
    (hop,) = hops(policy_set, ask(), team="blue")
    assert hop.set_request_headers == {"x-a": "1", "x-b": "1", "x-c": "0"}
    assert hop.remove_request_headers == {"x-d", "user-agent"}
    assert hop.set_response_headers == {"x-team": "blue"}


@pytest.mark.parametrize("team", ["a\r\nx-evil: 1", "a\nb", "tab\t", "näh", "\x00"])
def test_what_may_not_stand_in_a_header_is_an_error(policy: MakePolicy, ask: Ask, team: str) -> None:
    policy_set = policy("""
    rules: [{id: tell, response_headers: {set: {X-Team: {cel: client.team}}}}]
    default: {route: [mini]}
    """)
    (hop,) = hops(policy_set, ask(), team=team)
    assert hop.set_response_headers == {}
    assert [(error.rule, error.effect, error.consequence) for error in hop.errors] == [
        ("tell", "response_headers", "skipped")
    ]


def test_a_hop_needs_a_decision_of_its_own_policy_set(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("default: {route: [mini]}")
    decision: Decision = policy_set.decide(ask(), FAST, 0.0)
    with pytest.raises(ValueError, match="own"):
        policy_set.hop(replace(decision, grounds=None), decision.candidates[0], FAST)
