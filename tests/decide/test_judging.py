"""Rules with `phase: response`: who awaits an answer, what they see of it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policyroute import Decision, ModelRequest, Operation, PolicySet, RoutingState
from policyroute.decide.answers import Answer
from policyroute.decide.judging import Verdict
from policyroute.events import FinishReason, Usage

MakePolicy = Callable[[str], PolicySet]
Ask = Callable[..., ModelRequest]

HELLO = Answer(FinishReason.STOP, False, "Hello", ("look",), Usage(1000, 100, 400, 100, 20))
REFUSED = Answer(FinishReason.REFUSAL, True, "No")
STATE = RoutingState.empty()


@pytest.fixture
def judge(policy: MakePolicy, ask: Ask) -> Callable[..., Verdict]:
    def judged(rules: str, answer: Answer = HELLO, model: str = "gpt", **body: Any) -> Verdict:
        made = policy(rules)
        decision = made.decide(ask(model, **body), STATE, 0.0)
        return made.judge(decision, decision.candidates[0], STATE, answer)

    return judged


def rule(when: str, effect: str = "deny: {code: no}", **more: str) -> str:
    extra = "".join(f", {name}: {value}" for name, value in more.items())
    return f"rules: [{{id: a, phase: response, when: '{when}', {effect}{extra}}}]"


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ('response.finish_reason == "stop"', True),
        ('response.finish_reason in ["refusal", "content_filter"]', False),
        ("response.refused", False),
        ("!response.refused", True),
        ('response.text.contains("ell")', True),
        ('response.text.matches("(?i)^HELLO$")', True),
        ('response.tool_calls.exists(c, c.name == "look")', True),
        ("size(response.tool_calls) > 1", False),
        ("has(usage.input_tokens) && usage.input_tokens == 1000", True),
        ("has(usage.output_tokens) && usage.output_tokens == 100", True),
        ("has(usage.reasoning_tokens) && usage.reasoning_tokens == 20", True),
        ("has(usage.cached_input_tokens) && usage.cached_input_tokens == 400", True),
        ("has(usage.cache_write_tokens) && usage.cache_write_tokens == 100", True),
        ("has(usage.cost_usd) && usage.cost_usd > 0.0055 && usage.cost_usd < 0.0057", True),
        ('target.name == "gpt" && target.provider == "openai"', True),
        ('target.region == "eu"', False),
        ('request.model == "gpt" && response.text.size() > 3', True),
        ('request.model == "mini" && response.text.size() > 3', False),
    ],
)
def test_what_a_condition_sees(judge: Callable[..., Verdict], when: str, matches: bool) -> None:
    assert judge(rule(when)).fired == (("a",) if matches else ())


def test_a_denial_says_what_the_rule_says(judge: Callable[..., Verdict]) -> None:
    denied = judge(rule("response.refused", "deny: {status: 451, code: refused_here, message: So}"), REFUSED).denied
    assert denied is not None
    assert (denied.status, denied.code, denied.message, denied.rule) == (451, "refused_here", "So", "a")


def test_the_earliest_denial_answers_and_all_that_match_are_listed(judge: Callable[..., Verdict]) -> None:
    verdict = judge("""
    rules:
      - {id: a, phase: response, when: response.refused, deny: {code: a}}
      - {id: b, phase: response, deny: {code: b}}
      - {id: c, phase: response, deny: {code: c}, response_headers: {set: {X-C: c}}}
      - {id: d, phase: response, mode: shadow, deny: {code: d}}
      - {id: e, phase: response, mode: "off", deny: {code: e}}
    """)
    assert (verdict.fired, verdict.shadow) == (("b", "c"), ("d",))
    assert verdict.denied is not None and verdict.denied.code == "b"


def test_headers_are_computed_of_the_answer(judge: Callable[..., Verdict]) -> None:
    verdict = judge("""
    rules:
      - {id: a, phase: response, response_headers: {set: {X-Said: {cel: response.finish_reason}}, remove: [X-B]}}
      - {id: b, phase: response, response_headers: {set: {X-Far: "yes"}, where: target.region == "eu"}}
    """)
    assert dict(verdict.set_headers) == {"x-said": "stop"}
    assert set(verdict.remove_headers) == {"x-b"}
    assert (verdict.fired, verdict.headers) == (("a", "b"), ("a",))


def test_what_errs_denies_and_changes_no_header(judge: Callable[..., Verdict]) -> None:
    verdict = judge(
        """
    rules:
      - {id: a, phase: response, when: 10 / size(response.text) > 1, response_headers: {set: {X-A: a}}}
      - {id: b, phase: response, when: 10 / size(response.text) > 1, deny: {}, response_headers: {set: {X-B: b}}}
      - {id: c, phase: response, when: 10 / size(response.text) > 1, mode: shadow, deny: {}}
      - {id: d, phase: response, response_headers: {set: {X-Cost: {cel: string(usage.cost_usd)}}}}
    """,
        replace(REFUSED, text=""),
    )
    assert verdict.denied is not None
    assert (verdict.denied.status, verdict.denied.code, verdict.denied.rule) == (500, "policy_error", "b")
    assert (verdict.fired, verdict.shadow, verdict.set_headers) == (("b", "d"), ("c",), {})
    assert [(error.rule, error.effect, error.consequence) for error in verdict.errors] == [
        ("a", "response_headers", "skipped"),
        ("b", "deny", "applied"),
        ("b", "response_headers", "skipped"),
        ("c", "deny", "none"),
        ("d", "response_headers", "skipped"),
    ]


def test_a_text_that_is_too_long_to_be_judged_is_denied(judge: Callable[..., Verdict]) -> None:
    verdict = judge(rule('response.text.contains("x")'), replace(HELLO, text=None))
    assert verdict.denied is not None and verdict.denied.code == "policy_error"
    assert verdict.errors[0].reason == "the answer is too long"


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("gpt", Usage(1000, 100), (1000 * 4 + 100 * 16) / 1e6),
        ("mini", Usage(1000, 100, cached_input=1000), (1000 * 0.25 + 100 * 2) / 1e6),
        ("eu", Usage(1000, 100), None),
        ("gpt", None, None),
    ],
)
def test_the_cost(policy: MakePolicy, ask: Ask, model: str, usage: Usage | None, cost: float | None) -> None:
    made = policy(rule("has(usage.cost_usd)", "response_headers: {set: {X-Cost: {cel: string(usage.cost_usd)}}}"))
    decision = made.decide(ask(model), STATE, 0.0)
    verdict = made.judge(decision, decision.candidates[0], STATE, replace(HELLO, usage=usage))
    assert verdict.set_headers == ({} if cost is None else {"x-cost": str(cost)})


@pytest.mark.parametrize(
    ("when", "waits", "words"),
    [
        ("response.refused", True, False),
        ('response.text == "x"', True, True),
        ('request.model == "gpt" && response.refused', True, False),
        ('request.model == "mini" && response.refused', False, False),
        ('response.text == "x" && client.team == "a"', False, False),
        ('client.team == "a" || response.refused', True, False),
        ("10 / size(request.tools) > 1 && response.refused", True, False),
        ('target.name == "none" && response.refused', True, False),
        ("variables.small && response.refused", False, False),
    ],
)
def test_only_a_request_that_a_rule_may_concern_waits(
    policy: MakePolicy, ask: Ask, when: str, waits: bool, words: bool
) -> None:
    made = policy(f"variables: {{small: request.size < 2}}\n{rule(when, 'response_headers: {set: {X-A: b}}')}")
    awaiting = made.decide(ask("gpt"), STATE, 0.0).awaiting
    assert (awaiting is not None, awaiting is not None and awaiting.words) == (waits, words)


def test_headers_that_read_the_text_want_it(policy: MakePolicy, ask: Ask) -> None:
    made = policy("rules: [{id: a, phase: response, response_headers: {set: {X-A: {cel: response.text}}}}]")
    awaiting = made.decide(ask("gpt"), STATE, 0.0).awaiting
    assert awaiting is not None and awaiting.words


def decided(made: PolicySet, request: ModelRequest) -> Decision:
    return made.decide(request, STATE, 0.0)


def test_they_have_no_part_in_the_decision(policy: MakePolicy, ask: Ask) -> None:
    made = policy(f"{rule('!response.refused')[:-1]}, {{id: b, when: 'request.model == \"mini\"', deny: {{}}}}]")
    decision = decided(made, ask("gpt"))
    assert (decision.denied, decision.fired, decision.as_json()["awaiting"]) == (None, (), ["a"])
    denied = decided(made, ask("mini"))
    assert (denied.fired, denied.awaiting, denied.as_json()["awaiting"]) == (("b",), None, [])


def test_only_conversations_are_judged(policy: MakePolicy) -> None:
    made = policy("""
    targets: {vectors: {provider: openai, model: v, supports: {embeddings: true}}}
    rules: [{id: a, phase: response, deny: {}}]
    """)
    request = ModelRequest.read(
        "openai_chat", b'{"model":"vectors","input":"Hi"}', {}, "/v1/embeddings", operation=Operation.EMBEDDINGS
    )
    decision = decided(made, request)
    assert (decision.denied, decision.awaiting) == (None, None)
    assert made.judge(decision, decision.candidates[0], STATE, HELLO) == Verdict()


def test_an_answer_needs_a_candidate_of_the_sets_own(policy: MakePolicy, ask: Ask) -> None:
    made, other = policy(rule("response.refused")), policy("targets: {more: {provider: openai, model: more}}")
    decision, foreign = decided(made, ask("gpt")), decided(other, ask("more"))
    with pytest.raises(ValueError, match="one of its candidates"):
        made.judge(decision, foreign.candidates[0], STATE, HELLO)
