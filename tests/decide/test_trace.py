"""Everything that had a part in a decision is told, and why."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from policyroute import Client, ModelRequest, PolicySet, RoutingState
from policyroute.decide.answers import Answer
from policyroute.decide.trace import Trace, trace
from policyroute.events import FinishReason

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]

RULES = """
rules:
  - id: residency
    when: client.tags["region"] == "eu" && request.stream
    require: target.region == "eu" && target.name != "odd"
  - {id: good, quality_floor: 0.7}
  - {id: fast, when: 10 / size(request.tools) > 1 && request.last_user == "my secret", route: [mini]}
  - {id: idle, mode: "off", deny: {status: 402}}
  - {id: maybe, mode: shadow, deny: {status: 402}}
default: {route: [mini, eu, odd]}
"""


@pytest.fixture(scope="module")
def told(policy: MakePolicy, ask: Ask) -> Trace:
    request = ask(stream=True, messages=[{"role": "user", "content": "my secret"}])
    return trace(policy(RULES), request, RoutingState.empty(), 0.0, Client(tags={"region": "eu"}))


def test_every_rule_says_what_came_of_it(told: Trace) -> None:
    assert [(rule.id, rule.result, rule.applied) for rule in told.rules] == [
        ("residency", "matched", True),
        ("good", "matched", True),
        ("fast", "error", False),
        ("idle", "off", False),
        ("maybe", "matched", False),
    ]


def test_every_part_of_a_condition_has_its_result_and_what_it_compared(told: Trace) -> None:
    residency, fast = told.rules[0], told.rules[2]
    assert [(part.text, part.result, part.value) for part in residency.parts] == [
        ('client.tags["region"] == "eu"', "true", "eu"),
        ("request.stream", "true", True),
    ]
    assert residency.parts[0].at.startswith("20-rules.yaml:5:")
    assert [(part.result, part.reason) for part in fast.parts] == [("error", "divide by zero"), ("true", None)]


def test_every_candidate_has_every_constraint(told: Trace) -> None:
    assert [(each.target, each.place) for each in told.candidates] == [("eu", 1), ("mini", None), ("odd", None)]
    odd = told.candidates[2]
    assert [(rule, part.text, part.result) for rule, part in odd.constraints] == [
        ("residency", 'target.region == "eu"', "true"),
        ("residency", 'target.name != "odd"', "false"),
        ("good", "target.quality >= 0.7", "false"),
    ]
    assert told.unnamed == ("gpt",)


ANSWERED = """
rules:
  - {id: refused, phase: response, when: request.stream && response.refused, deny: {code: no}}
  - {id: plain, phase: response, when: '!request.stream && response.text != ""', response_headers: {remove: [X-A]}}
  - {id: any, phase: response, response_headers: {set: {X-B: b}}}
  - {id: idle, phase: response, mode: "off", deny: {}}
"""


def test_a_rule_of_answers_is_open_unless_the_request_settles_it(policy: MakePolicy, ask: Ask) -> None:
    told = trace(policy(ANSWERED), ask(stream=True), RoutingState.empty(), 0.0)
    assert [(rule.id, rule.phase, rule.result, [part.result for part in rule.parts]) for rule in told.rules] == [
        ("refused", "response", "open", ["true", "open"]),
        ("plain", "response", "not matched", ["false", "open"]),
        ("any", "response", "open", []),
        ("idle", "response", "off", []),
    ]


def test_with_an_answer_everything_is_told_but_what_it_says(policy: MakePolicy, ask: Ask) -> None:
    answer = Answer(FinishReason.REFUSAL, True, "my answer")
    told = trace(policy(ANSWERED), ask(stream=True), RoutingState.empty(), 0.0, answer=answer)
    assert [(rule.result, rule.applied) for rule in told.rules] == [
        ("matched", True),
        ("not matched", False),
        ("matched", True),
        ("off", False),
    ]
    shown = told.as_json()["answer"]
    assert (shown["denied"]["code"], shown["fired"], shown["response_headers"]) == ("no", ["refused", "any"], ["any"])
    assert "my answer" not in orjson.dumps(told.as_json()).decode()


def test_it_is_json_without_prompt_text(told: Trace) -> None:
    text = orjson.dumps(told.as_json()).decode()
    assert text.count("my secret") == 1  # the policy's own words
    assert '"place":1' in text
