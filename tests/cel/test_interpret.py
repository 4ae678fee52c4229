"""What expressions mean: CEL's own semantics, and what policies add to them."""

from __future__ import annotations

import math
from operator import eq, ge, gt, le, lt, ne
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.absent import ABSENT
from policyroute.cel.check import check
from policyroute.cel.compile import compile_expression
from policyroute.cel.expression import Demand, Environment, EvaluationError, plain
from policyroute.cel.interpret import MAX_STEPS, evaluate
from policyroute.cel.parse import parse
from policyroute.cel.syntax import Node
from policyroute.cel.types import (
    BOOL,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Field,
    list_of,
    map_by_name,
    map_of,
    record,
    total_map,
)
from policyroute.cel.values import Duration, Timestamp, TotalMap, UInt
from policyroute.clearance import Clearance

FORMAT = record("format", {"kind": Field(STRING), "limit": Field(INT, optional=True)})
MESSAGE = record("message", {"role": Field(STRING), "text": Field(STRING)})
TARGET = record(
    "target",
    {
        "clearance": Field(CLEARANCE),
        "quality": Field(DOUBLE, optional=True),
        "latency": Field(record("latency", {"p95": Field(DURATION)})),
    },
)
REQUEST = record(
    "request",
    {
        "headers": Field(total_map(folded_keys=True)),
        "messages": Field(list_of(MESSAGE)),
        "temperature": Field(DOUBLE, optional=True),
        "format": Field(FORMAT, optional=True),
        "params": Field(map_of(STRING, DYN)),
        "time": Field(TIMESTAMP),
        "address": Field(STRING),
    },
)
ENVIRONMENT = Environment(
    {
        "request": REQUEST,
        "target": TARGET,
        "targets": map_by_name(["gpt", "mini"], TARGET),
        "client": record("client", {"tags": Field(total_map()), "id": Field(STRING)}),
        "x": DYN,
        "y": DYN,
    },
    frozenset({"request", "client"}),
    {"tiers": ["pro", "enterprise"], "limits": {"small": 10}, "on": True},
)


def _target(clearance: Clearance, quality: Any, p95: str) -> SimpleNamespace:
    return SimpleNamespace(clearance=clearance, quality=quality, latency=SimpleNamespace(p95=Duration.parse(p95)))


def facts(**more: Any) -> SimpleNamespace:
    gpt = _target(Clearance.INTERNAL, 0.9, "2s")
    return SimpleNamespace(
        **{
            "request_headers": TotalMap({"x-team": "research"}),
            "request_messages": [
                SimpleNamespace(role="system", text="Be brief."),
                SimpleNamespace(role="user", text="Hé"),
            ],
            "request_temperature": 1.0,
            "request_format": ABSENT,
            "request_params": {"seed": 7, "none": None},
            "request_time": Timestamp.parse("2026-03-01T12:30:00Z"),
            "request_address": "10.1.2.3",
            "target": gpt,
            "targets": {"gpt": gpt, "mini": _target(Clearance.PUBLIC, ABSENT, "300ms")},
            "client_tags": {"region": "eu"},
            "client_id": "ci",
            "x": 1,
            "y": 0,
            **more,
        }
    )


def tree(text: str) -> Node:
    parsed = parse(text)
    assert isinstance(parsed, Node), parsed
    checked = check(parsed, ENVIRONMENT, Demand())
    assert checked.tree is not None, checked.troubles
    return checked.tree


def value(text: str, **more: Any) -> Any:
    return evaluate(tree(text), facts(**more), ENVIRONMENT.flat)


def error(text: str, **more: Any) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        value(text, **more)
    return caught.value


ERR = "x / y == 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ERR} || true", True),
        (f"true || {ERR}", True),
        (f"{ERR} && false", False),
        (f"false && {ERR}", False),
        (f"true && ({ERR} || x == 1) && !({ERR} && x == 2)", True),
        (f"x == 1 ? 'a' : string({ERR})", "a"),
        ("[1, 0, 2].exists(v, 2 / v == 1)", True),
        ("[1, 0, 2].all(v, 2 / v == 7)", False),
        ("request.temperature == 1", True),
        ("request.temperature == 1.0 && request.temperature >= 1u", True),
        ("dyn(1) == 1.0 && dyn(1u) == 1 && [1, 2u] == [1.0, 2.0]", True),
        ("dyn(true) == 1", False),
        ("dyn('1') == 1", False),
        ("dyn(1) in [true]", False),
        ("dyn(1) in {true: 1}", False),
        ("dyn([1])[0.0]", 1),
        ("size('héllo')", 5),
        ("size('😀')", 1),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("1.0 / 0.0 > 1e300", True),
        ("[1] + [2]", [1, 2]),
        ("'a' < 'b' && false < true && b'a' < b'b'", True),
        ("{'a': 1}.a + {'a': 1}['a']", 2),
        ("{'a': null}.a == null", True),
        ("type(1) == int && type(null) == null_type && type(type) == type", True),
        ("math.greatest(1, 2.5, 2u)", 2.5),
        ("'%s has %d, %.1f'.format(['x', 3, 2.55])", "x has 3, 2.5"),
        ("'a,b,c'.split(',').filter(p, p != 'b').join('+')", "a+c"),
        ("'Content-Type'.lowerAscii()", "content-type"),
    ],
)
def test_the_semantics_of_cel(text: str, expected: Any) -> None:
    found = value(text)
    assert found == (tuple(expected) if isinstance(found, tuple) else expected)
    assert not isinstance(expected, bool) or isinstance(found, bool)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('request.headers["x-team"] == "research"', True),
        ('request.headers["X-Team"] == "research"', True),
        ('request.headers["nope"] == ""', True),
        ('"X-Team" in request.headers && !("nope" in request.headers)', True),
        ('request.headers["X-" + "TEAM"]', "research"),
        ('client.tags["region"] == "eu" && client.tags.zone == ""', True),
        ("has(client.tags.region) && !has(client.tags.zone)", True),
        ('get(request.params, "seed", 0) + get(request.params, "other", 1)', 8),
        ('target.clearance < "confidential" && target.clearance >= "internal"', True),
        ('target.clearance in ["public", "internal"]', True),
        ('"secret" == target.clearance', False),
        ('targets["gpt"].clearance > targets["mini"].clearance', True),
        ("targets.gpt.quality > 0.8", True),
        ('has(targets["mini"].quality)', False),
        ("targets.exists(t, targets[t].latency.p95 < duration('1s'))", True),
        ("target.latency.p95 > duration('1500ms')", True),
        ("has(request.format)", False),
        ("has(request.format.limit)", False),
        ("has(request.format.limit) && request.format.limit > 3", False),
        ("!has(request.temperature) || request.temperature < 2.0", True),
        ("has(request.params.seed) && !has(request.params.other)", True),
        ("constants.tiers", ("pro", "enterprise")),
        ("client.id in constants.tiers || constants.limits.small < 11", True),
        ("has(constants.limits) && !has(constants.limits.large)", True),
        ("request.time.getHours('Asia/Kathmandu')", 18),
        ("request.time - timestamp('2026-03-01T00:00:00Z') > duration('12h')", True),
        ("cidr('10.0.0.0/8').containsIP(request.address)", True),
        ("request.messages.exists(m, m.role == 'user' && m.text.size() == 2)", True),
        ("request.messages[1].text", "Hé"),
        ("glob(request.messages[0].text, 'Be *')", True),
        ("request.messages[0].text.matches('^Be .rief')", True),
        ("bucket(client.id, 100) == bucket('ci', 100)", True),
        ("sha256('abc').startsWith('ba7816bf')", True),
        ("string(target.clearance)", "internal"),
        ("request.temperature in [0, 1]", True),
    ],
)
def test_what_policies_add(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("x / y", "divide by zero", "x / y"),
        ("1 + x % y", "modulus by zero", "x % y"),
        ("9223372036854775807 + x", "overflow", "9223372036854775807 + x"),
        ("-(-9223372036854775807 - x)", "overflow", "-(-9223372036854775807 - x)"),
        ("[1, 2][-1]", "index out of bounds", "[1, 2][-1]"),
        ("request.messages[2].text", "index out of bounds", "request.messages[2]"),
        ("[1][dyn(0.5)]", "invalid index", "[1][dyn(0.5)]"),
        ("request.params.other == 1", "no such key", "request.params.other"),
        ("{'a': 1}['b']", "no such key", "{'a': 1}['b']"),
        ("request.format.limit > 1", "no such key", "request.format"),
        ("targets['mini'].quality > 0.1", "no such key", "targets['mini'].quality"),
        ("dyn('a') > 1", "no such overload", "dyn('a') > 1"),
        ("dyn(true) + 1", "no such overload", "dyn(true) + 1"),
        ("x || true == false", "no such overload", "x"),
        (f"({ERR}) || false", "divide by zero", "x / y"),
        (f"[1, 2].exists(v, {ERR})", "divide by zero", "x / y"),
        (f"[1, 2].exists_one(v, v == 1 || {ERR})", "divide by zero", "x / y"),
        (f"[1].map(v, {ERR})", "divide by zero", "x / y"),
        ("int(dyn('abc'))", "cannot convert", "int(dyn('abc'))"),
        ("cidr('10.0.0.0/8').containsIP(client.id)", "invalid ip address", None),
        ("bucket(client.id, y)", "bucket count must be positive", "bucket(client.id, y)"),
        ("{x: 1, 1: 2}", "repeated key", "{x: 1, 1: 2}"),
    ],
)
def test_errors_have_cels_reason_and_the_place_of_the_part(text: str, reason: str, place: str | None) -> None:
    found = error(text)
    assert found.reason == reason
    assert found.start is not None
    assert found.end is not None
    assert text[found.start : found.end] == (place or text)


def test_errors_name_no_value() -> None:
    secret = "sk-very-secret"
    for text in ("x + 1", "int(x)", "x[0]", "x.field", "timestamp(x)", "bytes(x)[0]", "x in 5 || x"):
        parsed = parse(text)
        assert isinstance(parsed, Node)
        checked = check(parsed, ENVIRONMENT, Demand())
        if checked.tree is not None:
            with pytest.raises(EvaluationError) as caught:
                evaluate(checked.tree, facts(x=secret), ENVIRONMENT.flat)
            assert secret not in str(caught.value)


def test_steps_are_bounded_across_nested_loops() -> None:
    edge = math.isqrt(MAX_STEPS)
    ok = "x.all(a, x.all(b, a + b >= 0))"
    assert value(ok, x=list(range(edge - 1))) is True
    assert error(ok, x=list(range(edge + 1))).reason == "too many steps"
    assert error(f"({ok}) || true", x=list(range(edge + 1))).reason == "too many steps"


def test_what_a_request_can_make_is_bounded() -> None:
    text = "a" * 5000
    assert error("x.replace('', x)", x=text).reason == "result too large"
    assert error("x.map(v, x[0]).join()", x=[text] * 5000).reason == "result too large"
    assert error("x.format(y)", x="%s" * 2000, y=[text] * 2000).reason == "result too large"
    assert error("'%.99999f'.format([1.5])").reason == "invalid precision in format"


def test_errors_in_many_elements_cost_no_more_than_the_elements() -> None:
    """cel-python takes 2^n memory here."""
    assert error("x.exists(v, v / y == 1)", x=list(range(5000))).reason == "divide by zero"


@given(st.lists(st.booleans() | st.none(), min_size=1, max_size=5))
def test_and_and_or_do_not_depend_on_the_order_of_their_sides(sides: list[bool | None]) -> None:
    """None stands for a side that errs."""
    terms = [ERR if side is None else str(side).lower() for side in sides]
    for operator, decisive in (("&&", False), ("||", True)):
        text = f" {operator} ".join(terms) + f" {operator} {str(not decisive).lower()}"
        if decisive in sides:
            assert value(text) is decisive
        elif None in sides:
            assert error(text).reason == "divide by zero"
        else:
            assert value(text) is not decisive


_INT64 = st.integers(-(2**63), 2**63 - 1)


@given(_INT64, _INT64)
def test_integers_are_64_bits_wide(left: int, right: int) -> None:
    exact = {"+": left + right, "-": left - right, "*": left * right}
    if right:
        exact["/"] = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        exact["%"] = abs(left) % abs(right) * (-1 if left < 0 else 1)
    for operator, result in exact.items():
        text = f"x {operator} y"
        if -(2**63) <= result < 2**63:
            assert value(text, x=left, y=right) == result
        else:
            assert error(text, x=left, y=right).reason == "overflow"


_SCALARS = st.none() | st.booleans() | _INT64 | st.floats() | st.text(max_size=3) | st.integers(0, 2**64 - 1).map(UInt)


@given(_SCALARS, _SCALARS)
def test_equality_is_symmetric_and_of_one_kind(left: Any, right: Any) -> None:
    same = value("x == y", x=left, y=right)
    assert value("y == x", x=left, y=right) is same
    assert value("x != y", x=left, y=right) is not same
    assert value("x in [y]", x=left, y=right) is same
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
    assert not same or numbers or type(left) is type(right)


MIXED = Environment({"i": INT, "d": DOUBLE, "l": list_of(INT), "m": list_of(DOUBLE)})
_COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
_EDGES = st.sampled_from([0, 1, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1025, 2**63 - 1, -(2**63), -(2**53) - 1])


@given(_EDGES, _EDGES, st.sampled_from(sorted(_COMPARE)))
def test_mixed_numbers_compare_as_doubles_in_every_form(whole: int, other: int, operator: str) -> None:
    """An integer beside a double is the double nearest to it, whether it is a literal, a field or in a list."""
    real = float(other)
    wanted = _COMPARE[operator](float(whole), real)
    forms = [f"i {operator} d", f"{whole} {operator} d", f"i {operator} {real!r}", f"dyn(i) {operator} d"]
    if operator == "==":
        forms += ["i in m", "d in l", f"i in [{real!r}]", f"d in [{whole}]", f"l.exists(x, x == {real!r})"]
    facts_ = SimpleNamespace(i=whole, d=real, l=[whole], m=[real])
    for form in forms:
        expression, problems = compile_expression(plain(form), MIXED, Demand(BOOL))
        assert expression is not None, problems
        assert evaluate(expression.tree, facts_) is wanted, form
        assert expression.evaluate(facts_) is wanted, form


@given(st.integers(-(2**63), 2**63 - 1).map(Duration))
def test_durations_are_written_as_they_are_read(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration


@given(st.integers(Timestamp.MIN, Timestamp.MAX).map(Timestamp))
def test_timestamps_are_written_as_they_are_read(moment: Timestamp) -> None:
    assert Timestamp.parse(str(moment)) == moment


def test_bool_demand_keeps_dynamic_results_for_run_time() -> None:
    parsed = parse("x")
    assert isinstance(parsed, Node)
    assert check(parsed, ENVIRONMENT, Demand(BOOL)).tree is not None
