"""Quality floors by the kind of task: hard on every hop, and closed where nobody can say what kind it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import Client, Decision, ModelRequest, PolicySet, RoutingState, build
from policyroute.cel.compile import Compiler

Ask = Callable[..., ModelRequest]

BASE = """
version: 1
providers:
  one: {dialect: openai_chat, base_url: https://one.example/v1}
  two: {dialect: openai_chat, base_url: https://two.example/v1}
targets:
  coder: {provider: one, model: coder, quality: {default: 0.7, code: 0.95}}
  writer: {provider: two, model: writer, quality: 0.85}
  special: {provider: two, model: special, quality: {sums: 0.99}}
  nobody-knows: {provider: one, model: new}
default: {route: [coder, writer, special, nobody-knows]}
"""
TASK = """variables: {task: 'request.metadata["task"]'}\n"""
ERRS = """variables: {task: '["code"][request.size]'}\n"""
FLOOR = "rules: [{id: good, quality_floor: {default: 0.8, code: 0.9}}]\n"

_COMPILER = Compiler()


def made(rules: str, task: str = TASK) -> PolicySet:
    return build({"a.yaml": BASE + task + rules}, _COMPILER)


@pytest.fixture(scope="module")
def decided(ask: Ask) -> Callable[[PolicySet, str], Decision]:
    def run(policy: PolicySet, task: str = "") -> Decision:
        metadata = {"metadata": {"task": task}} if task else {}
        return policy.decide(ask(**metadata), RoutingState.empty(), 0.0, client=Client())

    return run


Decided = Callable[..., Decision]


def targets(decision: Decision) -> list[str]:
    return [each.target for each in decision.candidates]


@pytest.mark.parametrize(
    ("task", "left"), [("", ["writer"]), ("code", ["coder"]), ("sums", ["writer", "special"]), ("else", ["writer"])]
)
def test_floor_and_quality_are_those_of_the_task(decided: Decided, task: str, left: list[str]) -> None:
    policy = made(FLOOR)
    decision = decided(policy, task)
    assert targets(decision) == left
    assert {each.code for each in decision.excluded} == {"quality_floor"}
    for candidate in decision.candidates:
        assert policy.hop(decision, candidate, RoutingState.empty()).excluded is None


def test_the_same_policy_answers_each_request_by_its_own_task(decided: Decided) -> None:
    policy = made(FLOOR)
    assert [targets(decided(policy, task))[0] for task in ("code", "", "code", "")] == ["coder", "writer"] * 2


def test_a_task_that_cannot_be_said_counts_as_the_hardest(decided: Decided) -> None:
    decision = decided(made(FLOOR, ERRS))
    assert (decision.candidates, len(decision.excluded)) == ((), 4)
    assert {(each.rule, each.effect, each.consequence) for each in decision.errors} == {
        ("good", "quality_floor", "refused")
    }
    low = "rules: [{id: good, quality_floor: {default: 0.7, sums: 0.1}}]\n"
    assert targets(decided(made(low, ERRS))) == ["coder", "writer"]


def test_whose_quality_nobody_declares_may_be_let_through(decided: Decided) -> None:
    policy = made("rules: [{id: good, quality_floor: {default: 0.8, unknown: allow}}]\n")
    assert targets(decided(policy)) == ["writer", "special", "nobody-knows"]
    assert targets(decided(policy, "code")) == ["coder", "writer", "special", "nobody-knows"]


def test_conditions_see_the_quality_for_the_task(decided: Decided) -> None:
    policy = made("rules: [{id: good, require: 'has(target.quality) && target.quality >= 0.9'}]\n")
    assert [targets(decided(policy, task)) for task in ("code", "sums", "code", "")] == [
        ["coder"],
        ["special"],
        ["coder"],
        [],
    ]
    asked = made("""
rules:
  - {id: best, when: 'has(targets["coder"].quality) && targets["coder"].quality > 0.9', route: [coder]}
""")
    assert [decided(asked, task).route_rule for task in ("code", "")] == ["best", "default"]


def test_a_task_that_asks_how_good_somebody_is_sees_the_lowest(decided: Decided) -> None:
    """It goes by the task itself: nobody waits for what waits for them."""
    circle = 'variables: {task: \'targets["coder"].quality > 0.9 ? "" : "code"\'}\n'
    assert targets(decided(made(FLOOR, circle))) == ["coder"]


@settings(max_examples=60, deadline=None)
@given(
    qualities=st.lists(st.sampled_from(["0.2", "0.6", "{default: 0.3, a: 0.7}", "{b: 0.5}"]), min_size=1, max_size=3),
    floors=st.lists(
        st.sampled_from(["0.4", "{default: 0.1, a: 0.65}", "{default: 0.5, b: 0, unknown: allow}"]), max_size=2
    ),
    task=st.sampled_from(["", "a", "b", "c"]),
)
def test_nobody_is_a_candidate_who_is_under_any_floor(qualities: list[str], floors: list[str], task: str) -> None:
    lines = [f"  t{n}: {{provider: p, model: m{n}, quality: {each}}}" for n, each in enumerate(qualities)]
    rules = [f"  - {{id: r{n}, quality_floor: {each}}}" for n, each in enumerate(floors)]
    names = ", ".join(f"t{n}" for n in range(len(qualities)))
    text = "\n".join(
        [
            'version: 1\nproviders: {p: {dialect: openai_chat, base_url: "embedded:"}}\ntargets:',
            *lines,
            TASK,
            *(["rules:", *rules] if rules else []),
            f"default: {{route: [{names}]}}",
        ]
    )
    policy = build({"a.yaml": text}, _COMPILER)
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "x"}], "metadata": {"task": "%b"}}'
    request = ModelRequest.read("openai_chat", body % task.encode(), {}, "/v1/chat/completions")
    decision = policy.decide(request, RoutingState.empty(), 0.0)
    declared = {target.name: target.quality.of(task) for target in policy.program.targets.values()}
    least = [rule.quality_floor for rule in policy.program.rules if rule.quality_floor is not None]
    expected = [
        name
        for name, quality in declared.items()
        if all(
            floor.unknown_may if not isinstance(quality, float) else quality >= float(str(floor.least.of(task)))
            for floor in least
        )
    ]
    assert targets(decision) == expected


def test_who_is_out_for_nothing_but_a_floor_is_what_the_denial_is_about(decided: Decided) -> None:
    policy = made("rules: [{id: here, require: target.provider == 'one'}, {id: good, quality_floor: 0.9}]\n")
    decision = decided(policy)
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code, decision.denied.rule) == (403, "no_model_meets_floor", "good")
    assert "0.9" in decision.denied.message
    assert "rule good" in decision.denied.message


def test_who_is_out_for_more_than_a_floor_is_not(decided: Decided) -> None:
    policy = made("rules: [{id: good, quality_floor: 0.9}, {id: here, require: target.region == 'eu'}]\n")
    denied = decided(policy).denied
    assert denied is not None
    assert denied.code == "no_eligible_target"
