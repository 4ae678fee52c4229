"""What a decision does about a conversation that goes round in circles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.conversing import looping

from policyroute import Decision, ModelRequest, PolicySet, RoutingState
from policyroute.sessions import Pin, Session, Settings

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]

RULES = """
rules: [{{id: watched, divergence: {{react: {react}, repeats: 3}}}}]
default: {{route: [gpt, mini]}}
"""


@pytest.fixture
def decide(policy: MakePolicy, ask: Ask) -> Callable[..., Decision]:
    def run(react: str, times: int = 4, session: Session | None = None) -> Decision:
        request = ask(messages=looping(times, found="Hush"))
        return policy(RULES.format(react=react)).decide(request, RoutingState.empty(), 0.0, session=session)

    return run


def targets(decision: Decision) -> list[str]:
    return list(dict.fromkeys(each.target for each in decision.candidates))


def test_nothing_is_done_unless_a_rule_says_so(decide: Callable[..., Decision]) -> None:
    assert decide("[]").reaction is None
    assert decide("[nudge]", times=0).reaction is None
    assert decide("[nudge]", times=2).reaction is None


def test_what_is_done_is_said_without_content(decide: Callable[..., Decision]) -> None:
    decision = decide("[nudge, prune]", times=3)
    assert decision.reaction is not None
    assert (decision.reaction.kind, decision.reaction.level) == ("nudge", 1)
    said = decision.as_json()["reaction"]
    assert (said["kind"], said["evidence"]["tool"], said["evidence"]["count"]) == ("nudge", "look", 3)
    assert any(reason.startswith("goes round in circles") for reason in decision.reasons)
    said_of_it = f"{decision}{decision.as_json()}{decision.reasons}"
    assert "Hush" not in said_of_it and "/tmp/report" not in said_of_it
    assert targets(decision) == ["gpt", "mini"]


def test_it_escalates_with_what_is_kept_of_the_conversation(decide: Callable[..., Decision]) -> None:
    react = "[nudge, prune, stop]"
    kinds: list[str] = []
    session = Session("CHAT")
    for times in (3, 4, 5, 6):
        done = decide(react, times, session).reaction
        assert done is not None
        kinds.append(done.kind)
        session = replace(session, divergence=done.level, mark=done.evidence.mark)
        again = decide(react, times, session).reaction
        assert again is not None and again.level == done.level
    assert kinds == ["nudge", "prune", "stop", "stop"]


def test_a_swap_asks_another_target_first(decide: Callable[..., Decision]) -> None:
    assert targets(decide("[swap]")) == ["mini", "gpt"]
    pinned = Session("CHAT", Settings(pin=True), pin=Pin("mini", "openai"), home=("mini", "openai"))
    decision = decide("[swap]", session=pinned)
    assert (targets(decision), decision.unpinned) == (["gpt", "mini"], "divergence")
    served = Session("CHAT", served=("mini", "openai"))
    decision = decide("[swap]", session=served)
    assert (targets(decision), decision.unpinned) == (["gpt", "mini"], "")


def test_a_swap_with_nobody_else_stays(policy: MakePolicy, ask: Ask) -> None:
    rules = "rules: [{id: watched, divergence: {react: [swap]}}]\ndefault: {route: [mini]}"
    pinned = Session("CHAT", Settings(pin=True), pin=Pin("mini", "openai"))
    decision = policy(rules).decide(ask(messages=looping(4)), RoutingState.empty(), 0.0, session=pinned)
    assert (targets(decision), decision.unpinned) == (["mini"], "")


def test_a_stop_says_which_tool_and_what_to_do(decide: Callable[..., Decision]) -> None:
    decision = decide("[stop]")
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code) == (400, "divergence")
    assert "`look` was called 4 times" in decision.denied.message
    assert "begin a new conversation" in decision.denied.message
    assert "/tmp/report" not in decision.denied.message
    assert decision.candidates == ()


def test_a_rule_that_denies_comes_before_a_stop(policy: MakePolicy, ask: Ask) -> None:
    rules = "rules: [{id: no, deny: {}}, {id: watched, divergence: {react: [stop]}}]\ndefault: {route: [mini]}"
    decision = policy(rules).decide(ask(messages=looping(4)), RoutingState.empty(), 0.0)
    assert decision.denied is not None and decision.denied.rule == "no"
    assert decision.reaction is None
