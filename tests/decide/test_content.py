"""What conditions learn of a request's texts: kinds and labels, looked for where a rule asks; too much is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from policyroute import Client, Decision, ModelRequest, PolicySet, RoutingState
from policyroute.decide.content import MOST
from policyroute.decide.trace import trace
from policyroute.request import Operation

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]

ADDRESS = "ada.lovelace@example.org"
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"

RULES = """
rules:
  - {id: mail, when: client.team == "red" && "email" in content.pii, route: [mini]}
  - {id: keys, when: client.team == "red" && size(content.secrets) > 0, deny: {}}
"""


def decided(policy_set: PolicySet, request: ModelRequest, team: str = "red") -> Decision:
    return policy_set.decide(request, RoutingState.empty(), 0.0, client=Client(team=team))


def call(arguments: str) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": f"Write to {ADDRESS}."}, {"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": f"Write to {ADDRESS}."}]}]},
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": None, "tool_calls": [call(f'{{"to": "{ADDRESS}"}}')]},
                {"role": "tool", "tool_call_id": "c1", "content": "done"},
            ]
        },
        {"tools": [{"type": "function", "function": {"name": "f", "description": f"Asks {ADDRESS} for help."}}]},
        {"metadata": {"by": ADDRESS}},
    ],
    ids=["system", "user", "arguments", "description", "metadata"],
)
def test_it_is_found_in_every_text(policy: MakePolicy, ask: Ask, body: dict[str, Any]) -> None:
    policy_set = policy(RULES)
    assert decided(policy_set, ask(**body)).fired == ("mail",)
    assert decided(policy_set, ask()).fired == ()


def test_secrets_are_told_from_what_is_personal(policy: MakePolicy, ask: Ask) -> None:
    request = ask(messages=[{"role": "user", "content": f"The token is {TOKEN}"}])
    decision = decided(policy(RULES), request)
    assert decision.fired == ("keys",)
    assert decision.denied is not None


def test_nobody_looks_unless_a_rule_asks(policy: MakePolicy, ask: Ask) -> None:
    request = ask(messages=[{"role": "user", "content": ADDRESS}])
    policy_set = policy(RULES)
    for team, looked in (("blue", False), ("red", True)):
        grounds = decided(policy_set, request, team).grounds
        assert grounds is not None
        assert ("_content" in vars(grounds.facts)) is looked


def test_of_texts_that_are_too_long_nobody_can_say(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(RULES)
    parts = [{"role": "user", "content": "a " * (MOST // 4)}, {"role": "user", "content": "b " * (MOST // 4)}]
    assert decided(policy_set, ask(messages=parts)).errors == ()
    decision = decided(policy_set, ask(messages=[*parts, {"role": "user", "content": "c"}]))
    assert [(error.rule, error.effect, error.consequence) for error in decision.errors] == [
        ("mail", "route", "skipped"),
        ("keys", "deny", "applied"),
    ]
    assert all("too long" in error.reason for error in decision.errors)
    assert decision.denied is not None
    assert decision.denied.code == "policy_error"


def test_what_was_looked_for_beforehand_is_what_the_decision_finds(policy: MakePolicy, ask: Ask) -> None:
    bodies = [saying("Be kind.", said) for said in ("Hi", ADDRESS, TOKEN, "a " * MOST)]
    bodies += [saying("<confidential>x</confidential>"), saying("<confidential>x")]
    for rules in (RULES, LABELLED, RULES + LABELLED.replace("rules:\n", "").lstrip("\n")):
        policy_set = policy(rules)
        assert policy_set.needs_content
        for body in bodies:
            request = ask(**body)
            at_once, beforehand = (
                policy_set.decide(request, RoutingState.empty(), 0.0, client=Client(team="red"), looked=looked)
                for looked in (None, policy_set.looked(request))
            )
            assert beforehand.as_json() == at_once.as_json()


def test_a_policy_that_does_not_ask_needs_nothing(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy('rules: [{id: a, when: "request.stream", route: [mini]}]')
    assert not policy_set.needs_content
    assert policy_set.looked(ask()) == (None, None)
    off = RULES.replace("{id: ", "{mode: off, id: ")
    assert not policy(off).needs_content


def test_what_was_found_is_not_shown(policy: MakePolicy, ask: Ask) -> None:
    request = ask(messages=[{"role": "user", "content": f"{ADDRESS} {TOKEN}"}])
    told = trace(policy(RULES), request, RoutingState.empty(), 0.0, Client(team="red"))
    assert [rule.result for rule in told.rules] == ["matched", "matched"]
    text = orjson.dumps(told.as_json()).decode()
    assert ADDRESS not in text
    assert TOKEN not in text


LABELLED = """
rules:
  - {id: high, when: 'content.labels.exists(l, l >= "confidential")', require: target.clearance >= "confidential"}
  - {id: plain, when: 'content.labels == ["internal"]', route: [mini]}
default: {route: [mini, eu]}
"""


def saying(system: str, user: str = "Hi") -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}


@pytest.mark.parametrize(
    ("body", "fired"),
    [
        (saying("Prices: <confidential>we pay 3</confidential>. Be kind."), ("high",)),
        (saying("Prices: <internal>we pay 3</internal>. Be kind."), ("plain",)),
        (saying("Be kind."), ("plain",)),
        (saying("Be kind.", "<confidential>what I say</confidential>"), ("plain",)),
        (saying("<public>We are a shop</public>, and <secret>we cheat</secret>."), ("high",)),
    ],
)
def test_labels_are_those_of_the_authors_own_text(
    policy: MakePolicy, ask: Ask, body: dict[str, Any], fired: tuple[str, ...]
) -> None:
    decision = decided(policy(LABELLED), ask(**body))
    assert (decision.fired, decision.errors) == (fired, ())


def test_tags_that_cannot_be_read_are_an_error(policy: MakePolicy, ask: Ask) -> None:
    decision = decided(policy(LABELLED), ask(**saying("Prices: <confidential>we pay 3")))
    assert [(error.rule, error.effect, error.consequence) for error in decision.errors] == [
        ("high", "require", "applied"),
        ("plain", "route", "skipped"),
    ]
    assert {each.target for each in decision.candidates} == {"eu"}


def test_what_is_to_be_embedded_has_no_labels(policy: MakePolicy) -> None:
    policy_set = policy(LABELLED)
    body = orjson.dumps({"model": "auto", "input": ["<confidential>x</confidential>"]})
    request = ModelRequest.read("openai_chat", body, path="/v1/embeddings", operation=Operation.EMBEDDINGS)
    assert decided(policy_set, request).fired == ("plain",)
