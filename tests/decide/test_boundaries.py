"""`redact` and `scrub`: all that match apply, whatever cannot be evaluated applies too, and each hop asks for whom."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from policyroute import Client, Decision, ModelRequest, PolicySet, RoutingState
from policyroute.clearance import Clearance
from policyroute.decide import Hop
from policyroute.decide.trace import trace

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]
Told = tuple[list[str], list[str], list[str]]

RULES = """
rules:
  - {id: all, redact: {detect: [email], restore: true}}
  - {id: low, redact: {detect: [secrets], mode: block, where: target.clearance < "confidential"}}
  - {id: red, when: client.team == "red", scrub: {use: default, crossing: {max_label: public}}}
  - {id: out, scrub: {confession: block, where: target.region != "eu"}}
  - {id: said, phase: response, when: client.team == "red", redact: {detect: [card]}}
  - {id: told, phase: response, redact: {detect: [iban], where: target.name == "mini"}}
  - {id: maybe, mode: shadow, redact: {detect: [phone]}}
  - {id: idle, mode: "off", scrub: {}}
default: {route: [mini, eu]}
"""


def protecting(each: Decision | Hop) -> Told:
    """The rules that redact what is sent, redact what is said, and scrub."""
    return (
        [rule for rule, _ in each.redactions],
        [rule for rule, _ in each.censors],
        [rule for rule, _ in each.scrubs],
    )


def hops(policy_set: PolicySet, decision: Decision) -> list[Hop]:
    return [policy_set.hop(decision, candidate, RoutingState.empty()) for candidate in decision.candidates]


def test_all_that_match_apply_and_each_hop_has_those_whose_where_holds(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(RULES)
    decision = policy_set.decide(ask(), RoutingState.empty(), 0.0, client=Client(team="red"))
    assert protecting(decision) == (["all", "low"], ["said", "told"], ["red", "out"])
    mini, eu = hops(policy_set, decision)
    assert protecting(mini) == (["all", "low"], ["said", "told"], ["red", "out"])
    assert protecting(eu) == (["all"], ["said"], ["red"])
    assert decision.fired == ("all", "low", "red", "out", "said", "told")
    assert decision.shadow == ("maybe",)
    assert decision.awaiting is None
    assert mini.errors == eu.errors == ()


def test_what_does_not_match_does_not_apply(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(RULES)
    decision = policy_set.decide(ask(), RoutingState.empty(), 0.0, client=Client(team="blue"))
    assert protecting(decision) == (["all", "low"], ["told"], ["out"])


def test_an_effect_is_what_is_written(policy: MakePolicy, ask: Ask) -> None:
    decision = policy(RULES).decide(ask(), RoutingState.empty(), 0.0, client=Client(team="red"))
    first, second = (effect for _, effect in decision.redactions)
    assert (first.detect, first.mode, first.restore, first.in_urls, first.known) == (
        ("email",),
        "pseudonym",
        True,
        False,
        True,
    )
    assert (second.detect, second.mode, second.restore) == (("secrets",), "block", False)
    red, out = (effect for _, effect in decision.scrubs)
    assert (red.profile.name, red.max_label, red.confession, red.outputs) == (
        "default",
        Clearance.PUBLIC,
        "log",
        "scan",
    )
    assert (out.max_label, out.confession) == (Clearance.INTERNAL, "block")


ERRING = """
rules:
  - {id: when, when: 10 / size(request.tools) > 1, redact: {detect: [email]}, route: [eu]}
  - {id: where, redact: {detect: [email], where: 10 / size(request.tools) > 1}}
  - {id: said, phase: response, when: 10 / size(request.tools) > 1, redact: {detect: [email]}}
  - {id: kept, scrub: {where: 10 / size(request.tools) > 1}}
  - {id: shade, mode: shadow, when: 10 / size(request.tools) > 1, scrub: {}}
default: {route: [mini]}
"""


def test_what_cannot_be_evaluated_applies(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(ERRING)
    decision = policy_set.decide(ask(), RoutingState.empty(), 0.0)
    assert [(error.rule, error.effect, error.consequence) for error in decision.errors] == [
        ("when", "redact", "applied"),
        ("when", "route", "skipped"),
        ("said", "redact", "applied"),
        ("shade", "scrub", "none"),
    ]
    assert decision.route_rule == "default"
    (mini,) = hops(policy_set, decision)
    assert protecting(mini) == (["when", "where"], ["said"], ["kept"])
    assert [(error.rule, error.effect, error.consequence) for error in mini.errors] == [
        ("where", "redact.where", "applied"),
        ("kept", "scrub.where", "applied"),
    ]


def test_it_is_told_as_json_and_by_candidate(policy: MakePolicy, ask: Ask) -> None:
    told = trace(policy(RULES), ask(), RoutingState.empty(), 0.0, Client(team="red"))
    shown = orjson.loads(orjson.dumps(told.as_json()))
    decision = shown["decision"]
    assert (decision["redactions"], decision["censors"], decision["scrubs"]) == (
        ["all", "low"],
        ["said", "told"],
        ["red", "out"],
    )
    assert [(each["redactions"], each["censors"], each["scrubs"]) for each in shown["candidates"]] == [
        (["all", "low"], ["said", "told"], ["red", "out"]),
        (["all"], ["said"], ["red"]),
    ]
    assert {each["id"]: (each["phase"], each["result"]) for each in shown["rules"]}["said"] == ("response", "matched")


@pytest.mark.parametrize("text", ["redact: {detect: [email], patterns: {a: 'x'}}", "scrub: {use: mine}"])
def test_a_rule_that_protects_may_do_other_things_too(text: str, policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(f"scrub: {{mine: {{}}}}\nrules:\n  - {{id: a, quality_floor: 0.9, {text}}}\n")
    decision = policy_set.decide(ask(), RoutingState.empty(), 0.0)
    assert sum(map(len, protecting(decision))) == 1
    assert {each.target for each in decision.candidates} == {"gpt"}
