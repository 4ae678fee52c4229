"""The CEL specification's own conformance cases: each passes, or is refused when it is loaded. Nothing in between."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from policyroute.cel.compile import compile_expression
from policyroute.cel.expression import Demand, Environment, EvaluationError, Expression, plain
from policyroute.cel.interpret import evaluate
from policyroute.cel.operations import equal, kind
from policyroute.cel.types import DYN
from policyroute.cel.values import SECOND, Duration, Timestamp, TypeValue, UInt
from policyroute.problems import Problem

_BESIDE = Path(__file__).parents[2] / ".." / "shared" / "corpus"
CASES = Path(os.environ.get("POLICYROUTE_CORPUS", _BESIDE)) / "cel-conformance.jsonl.gz"

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason=f"no conformance cases at {CASES.name}")

Case = dict[str, Any]

WRONG_IN_THE_SUITE = frozenset({"b''' ? \" ' ` '''", 'b""" ? " \' ` """'})
"""The expected bytes have a backslash that the expression has not; other implementations give what we give."""

STATIC = {
    "cel-unknown-name": "names that no binding declares; cel-go's container names; net.CIDR as a name",
    "cel-unknown-function": "functions that do not exist, beside `|| true`",
    "cel-type": "`false && 32`: a number is no condition, whatever is beside it",
}
"""Refused although the case has a value: we check types and names where the suite leaves that out."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    with gzip.open(CASES, "rt", encoding="utf-8") as lines:
        return [cast(Case, json.loads(line)) for line in lines]


_READ: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "uint": lambda data: UInt(int(data)),
    "double": float,
    "string": str,
    "bool": bool,
    "null": lambda data: None,
    "bytes": base64.b64decode,
    "type": TypeValue,
    "list": lambda data: [_value(item) for item in data],
    "map": lambda data: {_value(key): _value(item) for key, item in data},
    "duration": lambda data: Duration(data[0] * SECOND + data[1]),
    "timestamp": lambda data: Timestamp(data[0] * SECOND + data[1]),
}


def _value(pair: list[Any]) -> Any:
    kind_, data = pair
    return _READ[kind_](data)


def _same(left: Any, right: Any) -> bool:
    """The same value of the same type, to the sign of zero."""
    if kind(left) is not kind(right):
        return False
    if isinstance(left, float):
        both_nan = math.isnan(left) and math.isnan(right)
        return both_nan or (left == right and math.copysign(1, left) == math.copysign(1, right))
    if isinstance(left, list | tuple):
        ours, theirs = cast("list[Any]", left), cast("list[Any]", right)
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return equal(left, right)


def _compiled(case: Case) -> tuple[Expression | None, tuple[Problem, ...], SimpleNamespace]:
    bound: dict[str, Any] = case["bindings"] or {}
    bindings = {name: _value(pair) for name, pair in bound.items()}
    environment = Environment(dict.fromkeys(bindings, DYN))
    expression, problems = compile_expression(plain(case["expr"]), environment, Demand())
    return expression, problems, SimpleNamespace(**bindings)


def _agrees(case: Case, run: Callable[[], Any]) -> bool:
    expect = case["expect"]
    try:
        got = run()
    except EvaluationError:
        return "error" in expect
    return "value" in expect and _same(got, _value(expect["value"]))


def _outcome(case: Case) -> str:
    expression, problems, facts = _compiled(case)
    if expression is None:
        assert problems
        if "error" in case["expect"]:
            return "error found at load"
        return f"refused: {problems[0].code}"
    exact = _agrees(case, lambda: evaluate(expression.tree, facts))
    compiled = _agrees(case, lambda: expression.evaluate(facts))
    return "passed" if exact and compiled else "failed"


def test_every_case_passes_or_is_refused_when_loaded(cases: list[Case]) -> None:
    outcomes = {index: _outcome(case) for index, case in enumerate(cases)}
    counts = Counter(outcomes.values())
    print(f"\n{len(cases)} cases: {dict(counts)}")  # noqa: T201
    failed = [cases[index]["expr"] for index, outcome in outcomes.items() if outcome == "failed"]
    assert set(failed) == WRONG_IN_THE_SUITE
    refusals = {outcome.removeprefix("refused: ") for outcome in counts if outcome.startswith("refused: ")}
    assert refusals == {"cel-unsupported", *STATIC}


def test_a_refusal_names_what_is_not_supported(cases: list[Case]) -> None:
    """What is refused is of an extension we do not have, and the message says which."""
    names = Counter[str]()
    for case in cases:
        expression, problems, _ = _compiled(case)
        if expression is None and problems[0].code == "cel-unsupported":
            assert "not supported" in problems[0].message
            assert problems[0].span is not None
            names[case["file"]] += 1
    assert set(names) == {
        "bindings_ext",
        "block_ext",
        "encoders_ext",
        "fields",
        "macros2",
        "network_ext",
        "optionals",
        "string_ext",
    }


def test_core_files_are_refused_only_for_what_is_not_declared(cases: list[Case]) -> None:
    """Of the specification's core, all that a typed policy can say runs."""
    core = {"basic", "comparisons", "conversions", "fp_math", "integer_math", "lists", "logic", "macros", "plumbing"}
    core |= {"string", "timestamps", "math_ext"}
    for case in cases:
        if case["file"] in core and "value" in case["expect"]:
            expression, problems, _ = _compiled(case)
            assert expression is not None or problems[0].code in STATIC, case["expr"]


def test_fast_code_is_right_whenever_it_does_not_raise(cases: list[Case]) -> None:
    for case in cases:
        expression, _, facts = _compiled(case)
        if expression is None or case["expr"] in WRONG_IN_THE_SUITE:
            continue
        try:
            got = expression.fast(facts)
        except Exception:  # noqa: BLE001 - the exact interpreter is asked then
            continue
        assert "value" in case["expect"], case["expr"]
        assert _same(got, _value(case["expect"]["value"])), case["expr"]
