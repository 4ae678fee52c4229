"""Compiled expressions seen from outside: where they stand, what they cost to set down again, and how they fail."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.absent import ABSENT
from policyroute.cel import (
    Compiler,
    Demand,
    Environment,
    EvaluationError,
    Expression,
    Source,
    compile_expression,
    compile_node,
    conjuncts,
    plain,
)
from policyroute.cel import compile as compiling
from policyroute.cel.codegen_macros import MAX_STEPS
from policyroute.cel.types import BOOL, DOUBLE, DYN, INT, STRING, Field, list_of, map_of, record, total_map
from policyroute.cel.values import TotalMap

ITEM = record("item", {"name": Field(STRING), "value": Field(INT, optional=True), "parts": Field(list_of(INT))})
ENVIRONMENT = Environment(
    {
        "request": record(
            "request",
            {
                "model": Field(STRING),
                "size": Field(INT),
                "heat": Field(DOUBLE, optional=True),
                "format": Field(ITEM, optional=True),
                "headers": Field(total_map(folded_keys=True)),
                "params": Field(map_of(STRING, DYN)),
                "items": Field(list_of(ITEM)),
            },
        ),
        "target": ITEM,
        "targets": map_of(STRING, ITEM),
    },
    flat=frozenset({"request"}),
    constants={"tiers": ["a", "b"]},
)


def facts(**changed: Any) -> SimpleNamespace:
    item = SimpleNamespace(name="n", value=ABSENT, parts=[1, 2])
    fields: dict[str, Any] = {
        "request_model": "gpt-5",
        "request_size": 7,
        "request_heat": ABSENT,
        "request_format": ABSENT,
        "request_headers": TotalMap({"x-a": "AGENT"}),
        "request_params": {},
        "request_items": [item, item],
        "target": item,
        "targets": {"gpt": item},
    }
    return SimpleNamespace(**(fields | changed))


def compiled(text: str, demand: Demand | None = None) -> Expression:
    expression, problems = compile_expression(plain(text), ENVIRONMENT, demand or Demand())
    assert expression is not None, problems
    return expression


def placed(text: str, line: int, column: int, file: str = "policies/agents.yaml") -> Source:
    """A source as it stands in a literal block: every line of it at the same column."""

    def place(offset: int) -> tuple[int, int]:
        before = text[:offset]
        return line + before.count("\n"), column + offset - (before.rfind("\n") + 1)

    return Source(text, file, place)


def raised(expression: Expression, given_facts: Any) -> traceback.FrameSummary:
    """The innermost frame of the fast code's own error that stands in the policy file."""
    with pytest.raises(Exception) as caught:
        expression.fast(given_facts)
    frames = traceback.extract_tb(caught.value.__traceback__)
    return next(frame for frame in reversed(frames) if frame.filename == expression.source.file)


PLACED = [
    ('request.model == "x" ||\n  targets["nope"].name == "x"', 'targets["nope"]', "no such key"),
    ("true &&\nrequest.items[5].name == 'n'", "request.items[5]", "index out of bounds"),
    ("request.size > 1 && request.heat > 0.5", "request.heat", "no such key"),
    ("request.items.exists(i,\n   i.value > 3)", "i.value", "no such key"),
    ("true && request.size / (request.size - 7) == 1", "request.size / (request.size - 7)", "divide by zero"),
    ("request.size + 9223372036854775807 > 0", "request.size + 9223372036854775807", "overflow"),
]


@pytest.mark.parametrize(("text", "part", "reason"), PLACED)
@pytest.mark.parametrize(("line", "column"), [(42, 10), (1, 1)])
def test_an_error_names_file_line_and_column(text: str, part: str, reason: str, line: int, column: int) -> None:
    source = placed(text, line, column)
    expression, problems = compile_expression(source, ENVIRONMENT, Demand())
    assert expression is not None, problems
    with pytest.raises(EvaluationError) as caught:
        expression.evaluate(facts())
    start = text.index(part)
    assert caught.value.reason == reason
    assert caught.value.span == source.span(start, start + len(part))


@pytest.mark.parametrize(("text", "part", "reason"), PLACED)
def test_the_traceback_of_fast_code_names_file_line_and_column(text: str, part: str, reason: str) -> None:
    source = placed(text, 42, 10)
    expression, _ = Compiler().compile(source, ENVIRONMENT, Demand())
    assert expression is not None
    frame = raised(expression, facts())
    span = source.span(text.index(part), text.index(part) + len(part))
    assert frame.colno is not None
    assert (frame.filename, frame.lineno) == (span.file, span.line)
    # Python's comparison raises as a whole; what is narrower than it is the operand that is named.
    assert frame.colno + 1 <= span.column <= (frame.end_colno or 0) + 1


@given(st.integers(1, 5000), st.integers(1, 200), st.integers(1, 5000))
def test_a_moved_expression_is_set_down_at_its_new_place(line: int, column: int, later: int) -> None:
    text = 'request.model == "x" ||\n  request.items.exists(i, targets[i.name].name == "x")'
    compiler = Compiler()
    for at in (line, later):
        expression, _ = compiler.compile(placed(text, at, column), ENVIRONMENT, Demand())
        assert expression is not None
        frame = raised(expression, facts())
        assert (frame.lineno, frame.colno) == (at + 1, column - 1 + text.splitlines()[1].index("targets["))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is checked, and what code is generated for, while the test runs."""
    done: list[str] = []
    check: Any = getattr(compiling, "check")  # noqa: B009
    template: Any = getattr(compiling, "template")  # noqa: B009

    def checked(*args: Any) -> Any:
        done.append("check")
        return check(*args)

    def generated(*args: Any) -> Any:
        done.append("generate")
        return template(*args)

    monkeypatch.setattr(compiling, "check", checked)
    monkeypatch.setattr(compiling, "template", generated)
    yield done


def test_only_what_changed_is_compiled_again(work: list[str]) -> None:
    compiler = Compiler()
    texts = [f"request.size > {n}" for n in range(20)]
    for line, text in enumerate(texts, 1):
        compiler.compile(placed(text, line, 5), ENVIRONMENT, Demand(BOOL))
    assert work == ["check", "generate"] * 20
    work.clear()
    same = replace(ENVIRONMENT, constants={"tiers": ["a", "b"]})  # another load, the same declarations
    for line, text in enumerate([texts[0], "request.size > 99", *texts[1:]], 100):
        compiler.compile(placed(text, line, 5), same, Demand(BOOL))
    assert work == ["check", "generate"]


def test_another_environment_or_demand_is_compiled_for_itself() -> None:
    compiler = Compiler()
    text = '"a" in constants.tiers'
    other = replace(ENVIRONMENT, constants={"tiers": ["x"]})
    results = [compiler.compile(plain(text), known, Demand(BOOL))[0] for known in (ENVIRONMENT, other, ENVIRONMENT)]
    assert [result and result.evaluate(facts()) for result in results] == [True, False, True]
    assert compiler.compile(plain(text), ENVIRONMENT, Demand(INT))[0] is None


def test_a_compiler_forgets_what_it_has_no_room_for(work: list[str]) -> None:
    compiler = Compiler(capacity=10)
    for n in range(25):
        compiler.compile(plain(f"request.size > {n}"), ENVIRONMENT, Demand())
    work.clear()
    compiler.compile(plain("request.size > 24"), ENVIRONMENT, Demand())
    assert work == []
    compiler.compile(plain("request.size > 0"), ENVIRONMENT, Demand())
    assert work == ["check", "generate"]


def test_problems_have_the_place_and_path_of_this_source_every_time() -> None:
    compiler = Compiler()
    for line in (3, 30):
        source = replace(placed("request.modle == 'x'", line, 11), path="rules[2].when")
        expression, (problem,) = compiler.compile(source, ENVIRONMENT, Demand())
        assert expression is None
        assert (problem.code, problem.path) == ("cel-unknown-name", "rules[2].when")
        assert problem.span == source.span(0, len("request.modle"))
        assert problem.hint is not None and "model" in problem.hint


@pytest.mark.parametrize("pattern", ["(", "[a", "a{1001}"])
def test_a_bad_pattern_is_a_problem_when_it_is_loaded(pattern: str) -> None:
    expression, (problem,) = compile_expression(plain(f"request.model.matches('{pattern}')"), ENVIRONMENT, Demand())
    assert expression is None
    assert problem.code == "cel-bad-pattern"


OPTIONAL = [
    ("request.heat == 0.5", None),
    ("request.heat != 0.5", None),
    ("request.heat < 0.5", None),
    ("request.heat in [0.5]", None),
    ("request.heat in [request.heat]", None),
    ("request.heat + 1.0 > 0.0", None),
    ("-request.heat < 0.0", None),
    ("request.heat", None),
    ("[request.heat].size() == 1", None),
    ("dyn(request.heat) == 0.5", None),
    ("(true ? request.heat : 0.0) == 0.5", None),
    ("request.format.name == 'name'", None),
    ("target.value == 1", None),
    ("request.items[0].value in [1]", None),
    ("has(request.heat) && request.heat == 0.5", False),
    ("request.heat == 0.5 && false", False),
    ("request.heat == 0.5 || true", True),
    ("has(request.format.value)", False),
    ("request.items.exists(i, has(i.value))", False),
]


@pytest.mark.parametrize(("text", "value"), OPTIONAL)
def test_an_absent_field_is_an_error_wherever_it_decides(text: str, value: bool | None) -> None:
    expression = compiled(text)
    if value is not None:
        assert expression.evaluate(facts()) is value
        return
    with pytest.raises(EvaluationError, match="no such key"):
        expression.evaluate(facts())


def test_a_total_map_reads_an_absent_name_as_empty_and_any_case() -> None:
    assert compiled('request.headers["X-A"] == "AGENT" && request.headers["x-b"] == ""').fast(facts()) is True
    assert compiled('"X-A" in request.headers && !("x-b" in request.headers)').fast(facts()) is True
    assert compiled("request.headers[request.model] == ''").fast(facts(request_model="X-B")) is True


@pytest.mark.parametrize("value", [1, "true", None, [True], {"a": True}])
def test_a_condition_that_is_no_bool_is_an_error(value: Any) -> None:
    expression = compiled("request.params.a", Demand(BOOL))
    assert expression.evaluate(facts(request_params={"a": True})) is True
    with pytest.raises(EvaluationError, match="no such overload"):
        expression.evaluate(facts(request_params={"a": value}))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("request.items.exists(i, i.name == 'x')", MAX_STEPS + 1),
        ("request.items.map(i, i.name).size() > 0", MAX_STEPS + 1),
        ("request.items.exists(i, request.items.all(j, j.name == i.name && i.name == 'x') || i.name == 'y')", 400),
        ("request.items.all(i, request.items.filter(j, j.name == i.name).size() > 0)", 400),
    ],
)
def test_loops_are_bounded(text: str, size: int) -> None:
    source = placed(text, 8, 3)
    expression, _ = compile_expression(source, ENVIRONMENT, Demand())
    assert expression is not None
    item = SimpleNamespace(name="n", value=ABSENT, parts=[])
    with pytest.raises(EvaluationError, match="too many steps") as caught:
        expression.evaluate(facts(request_items=[item] * size))
    assert caught.value.span == source.span(0, len(text))
    expression.evaluate(facts(request_items=[item] * 100))


def test_an_expression_is_safe_to_share() -> None:
    """A value that it gives is the caller's own."""
    expression = compiled("request.items.map(i, i.name)")
    first = expression.evaluate(facts())
    first.append("changed")
    assert expression.evaluate(facts()) == ["n", "n"]


def test_a_variable_s_error_keeps_its_own_place() -> None:
    inner = compile_expression(placed("targets['x'].name == 'a'", 5, 9, "vars.yaml"), ENVIRONMENT, Demand())[0]
    assert inner is not None
    known = inner

    class WithVariable(SimpleNamespace):
        @property
        def variables_v(self) -> Any:
            return known.evaluate(facts())

    environment = Environment({"variables": record("variables", {"v": Field(BOOL)})}, frozenset({"variables"}))
    outer, _ = compile_expression(placed("variables.v && true", 70, 1), environment, Demand(BOOL))
    assert outer is not None
    with pytest.raises(EvaluationError) as caught:
        outer.evaluate(WithVariable())
    assert str(caught.value.span) == "vars.yaml:5:9"


def test_a_part_of_a_condition_is_compiled_alone() -> None:
    expression = compiled('request.model.startsWith("gpt") && request.heat > 0.5')
    first, second = (compile_node(part, expression.source, ENVIRONMENT) for part in conjuncts(expression.tree))
    assert first(facts()) is True
    assert second(facts(request_heat=0.75)) is True
    with pytest.raises(TypeError):
        second(facts())


def test_a_deep_or_wide_expression_compiles_or_is_refused() -> None:
    assert compiled(" && ".join(["request.size == 7"] * 300)).evaluate(facts()) is True
    assert compiled("request.size" + " + 1" * 60).evaluate(facts()) == 67
    assert compiled("!" * 60 + "true").evaluate(facts()) is True
    expression, problems = compile_expression(plain("!" * 5000 + "true"), ENVIRONMENT, Demand())
    assert expression is None or expression.evaluate(facts()) is True
    assert expression is not None or problems


def test_a_fault_of_the_facts_is_not_taken_for_an_error_of_the_policy() -> None:
    class Faulty(SimpleNamespace):
        @property
        def request_size(self) -> int:
            raise OSError("a fault")

    with pytest.raises(OSError, match="a fault"):
        compiled("request.size > 1 || true").evaluate(Faulty())
