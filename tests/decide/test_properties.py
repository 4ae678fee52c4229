"""What holds of every decision, whatever the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policyroute import Client, Decision, Latency, ModelRequest, PolicySet, RoutingState
from policyroute.cel.compile import Compiler

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]
Rule = dict[str, Any]

COMPILER = Compiler()
"""Kept, so that a condition is compiled once for all examples."""

AT_THE_MOMENT = 'targets["mini"].latency.ttft_p95 > duration("1s")'
WHENS = [
    None,
    'client.team == "a"',
    'client.team in ["a", "b"]',
    'client.team != "c"',
    "request.stream",
    "10 / size(request.tools) > 1",
    AT_THE_MOMENT,
]
REQUIRE = ['target.region == "eu"', 'target.latency.ttft_p95 < duration("1s")', 'target.name != "odd"']
ITEMS = ["requested", "gpt", "mini", "eu", "odd"]


@dataclass(frozen=True)
class Scene:
    rules: tuple[Rule, ...]
    body: dict[str, Any]
    state: RoutingState
    team: str


@st.composite
def routes(draw: st.DrawFn) -> Rule:
    items = draw(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True))
    match draw(st.sampled_from(["plain", "cost", "latency", "weights"])):
        case "plain":
            return {"route": items}
        case "weights":
            return {"route": {"targets": items, "weights": dict.fromkeys(items, 1)}}
        case rank:
            return {"route": {"targets": items, "rank": rank}}


@st.composite
def constraints(draw: st.DrawFn) -> Rule:
    if draw(st.booleans()):
        return {"quality_floor": draw(st.sampled_from([0.7, 0.9, 1.0]))}
    return {"require": draw(st.sampled_from(REQUIRE))}


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    other = st.sampled_from([{"deny": {"status": 402}}, {"fallback": {"retries": 3}}, {"limits": {"ttft": "1s"}}])
    effect = draw(st.one_of(routes(), routes(), constraints(), other))
    when = draw(st.sampled_from(WHENS))
    mode = draw(st.sampled_from(["enforce", "enforce", "shadow"]))
    return {"mode": mode, **({"when": when} if when else {}), **effect}


@st.composite
def states(draw: st.DrawFn) -> RoutingState:
    mini, eu = (draw(st.sampled_from([0.2, 5.0])) for _ in range(2))
    known = {("mini", "openai"): Latency(mini, mini, mini), ("eu", "frankfurt"): Latency(eu, eu, eu)}
    return RoutingState(known, missing_secrets=frozenset(draw(st.sets(st.sampled_from(["azure"])))))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    drawn = draw(st.lists(rules(), max_size=6))
    body: dict[str, Any] = {
        "model": draw(st.sampled_from(["auto", "gpt", "gpt-5-mini", "nobody"])),
        "id": draw(st.sampled_from(["r1", "r2", "r3"])),
        "stream": draw(st.booleans()),
    }
    named = tuple({"id": f"r{n}", **rule} for n, rule in enumerate(drawn))
    return Scene(named, body, draw(states()), draw(st.sampled_from(["a", "b", "c"])))


@dataclass(frozen=True)
class Lab:
    """Decides scenes."""

    policy: MakePolicy
    ask: Ask

    def policy_set(self, scene: Scene) -> PolicySet:
        return self.policy(yaml.safe_dump({"rules": list(scene.rules)}), COMPILER)

    def decide(self, scene: Scene) -> Decision:
        client = Client(team=scene.team)
        return self.policy_set(scene).decide(self.ask(**scene.body), scene.state, 0.0, client=client)


def places(decision: Decision) -> set[tuple[str, str]]:
    return {(each.target, each.provider.name) for each in decision.candidates}


def inserted(scene: Scene, at: int, rule: Rule) -> Scene:
    return replace(scene, rules=(*scene.rules[:at], rule, *scene.rules[at:]))


def items_of(rule: Rule) -> set[str]:
    route = rule.get("route", [])
    return set(route if isinstance(route, list) else route["targets"])  # pyright: ignore[reportUnknownArgumentType]


@given(scenes())
@settings(max_examples=60)
def test_the_same_request_gets_the_same_decision(policy: MakePolicy, ask: Ask, scene: Scene) -> None:
    lab = Lab(policy, ask)
    one, again = lab.decide(scene), lab.decide(scene)
    assert one == again
    assert one.as_json() == again.as_json()


@given(scenes(), st.integers(0, 6))
@settings(max_examples=60)
def test_a_deny_wins_wherever_it_stands(policy: MakePolicy, ask: Ask, scene: Scene, at: int) -> None:
    decision = Lab(policy, ask).decide(inserted(scene, at, {"id": "no", "deny": {"status": 451, "code": "law"}}))
    assert decision.denied is not None
    assert decision.candidates == ()
    earlier = any("deny" in rule and rule["mode"] == "enforce" for rule in scene.rules[:at])
    assert decision.denied.code == "law" or earlier


@given(scenes(), constraints(), st.integers(0, 6))
@settings(max_examples=60)
def test_a_constraint_more_never_gives_a_candidate(
    policy: MakePolicy, ask: Ask, scene: Scene, constraint: Rule, at: int
) -> None:
    lab = Lab(policy, ask)
    assert places(lab.decide(inserted(scene, at, {"id": "more", **constraint}))) <= places(lab.decide(scene))


@given(scenes(), st.integers(0, 6), routes())
@settings(max_examples=60)
def test_a_rule_less_never_adds_a_candidate_that_it_alone_named(
    policy: MakePolicy, ask: Ask, scene: Scene, at: int, route: Rule
) -> None:
    others = {"requested", "gpt"}.union(*map(items_of, scene.rules))
    alone = items_of(route) - others
    assume(alone and scene.body["model"] in ("auto", "gpt", "nobody"))
    lab = Lab(policy, ask)
    with_it, without = lab.decide(inserted(scene, at, {"id": "gone", **route})), lab.decide(scene)
    assert not alone & {target for target, _ in places(without)}
    assert with_it.route_rule == "gone" or with_it.candidates == without.candidates


@given(scenes(), states())
@settings(max_examples=60)
def test_a_hop_refuses_what_a_decision_at_that_moment_would(
    policy: MakePolicy, ask: Ask, scene: Scene, now: RoutingState
) -> None:
    # What `when` saw stays as it was at admission, so only constraints may depend on the moment here.
    steady = replace(scene, rules=tuple(rule for rule in scene.rules if rule.get("when") != AT_THE_MOMENT))
    lab = Lab(policy, ask)
    policy_set, decision = lab.policy_set(steady), lab.decide(steady)
    afresh = places(lab.decide(replace(steady, state=now)))
    for candidate in decision.candidates:
        hop = policy_set.hop(decision, candidate, now)
        assert (hop.excluded is None) == ((candidate.target, candidate.provider.name) in afresh)
