"""Generated expressions over generated contexts: compiled code, the exact interpreter and Google's CEL agree.

Rule of this module: a difference from the oracle is either a bug or a line of `ACCEPTED` or `DIFFERENT`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final, TypeGuard

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyroute.absent import ABSENT
from policyroute.cel import (
    Atom,
    Compiler,
    Demand,
    Environment,
    EvaluationError,
    Expression,
    Operator,
    alternatives,
    compile_node,
    conjuncts,
    interpret,
    plain,
)
from policyroute.cel.types import (
    BOOL,
    CLEARANCE,
    DOUBLE,
    DYN,
    INT,
    STRING,
    Field,
    list_of,
    map_of,
    record,
    total_map,
)
from policyroute.cel.values import TotalMap, UInt
from policyroute.clearance import Clearance

cel: Any = pytest.importorskip("cel_expr_python.cel")
extensions: Any = pytest.importorskip("cel_expr_python.ext.ext_strings")

MESSAGE = record(
    "message",
    {
        "role": Field(STRING),
        "text": Field(STRING),
        "seen": Field(BOOL),
        "weight": Field(INT, optional=True),
        "words": Field(list_of(STRING)),
    },
)
FORMAT = record("format", {"name": Field(STRING), "limit": Field(INT, optional=True)})
REQUEST = record(
    "request",
    {
        "model": Field(STRING),
        "size": Field(INT),
        "ratio": Field(DOUBLE),
        "stream": Field(BOOL),
        "most": Field(INT, optional=True),
        "heat": Field(DOUBLE, optional=True),
        "user": Field(STRING, optional=True),
        "format": Field(FORMAT, optional=True),
        "messages": Field(list_of(MESSAGE)),
        "counts": Field(list_of(INT)),
        "words": Field(list_of(STRING)),
        "headers": Field(total_map(folded_keys=True)),
        "params": Field(map_of(STRING, DYN)),
        "clearance": Field(CLEARANCE),
    },
)
ENVIRONMENT = Environment({"request": REQUEST, "target": FORMAT}, frozenset({"request"}))


# Contexts: plain data, as facts for us and as a JSON-like mapping for the oracle.

_STRINGS: Final = ["", "a", "b", "ab", "AGENT", "é", "10"]
_INTS: Final = [0, 1, -1, 2, 7, 100, 2**63 - 1, -(2**63)]
_DOUBLES: Final = [0.0, -0.0, 1.0, 1.5, -2.0, 1e308, math.inf, math.nan]


def _context(dice: random.Random) -> dict[str, Any]:
    def maybe(value: Any) -> Any:
        return ABSENT if dice.random() < 0.4 else value

    def message() -> dict[str, Any]:
        return {
            "role": dice.choice(["user", "tool", "a"]),
            "text": dice.choice(_STRINGS),
            "seen": dice.random() < 0.5,
            "weight": maybe(dice.choice(_INTS)),
            "words": dice.choices(_STRINGS, k=dice.randrange(3)),
        }

    def form() -> dict[str, Any]:
        return {"name": dice.choice(_STRINGS), "limit": maybe(dice.choice(_INTS))}

    def anything(depth: int = 0) -> Any:
        simple = [None, True, False, *_INTS, *_DOUBLES, *_STRINGS]
        if depth < 2 and dice.random() < 0.3:
            return dice.choice([[anything(2) for _ in range(2)], {"a": anything(2)}, [1, 1.0, True], []])
        return dice.choice(simple)

    request = {
        "model": dice.choice(_STRINGS),
        "size": dice.choice(_INTS),
        "ratio": dice.choice(_DOUBLES),
        "stream": dice.random() < 0.5,
        "most": maybe(dice.choice(_INTS)),
        "heat": maybe(dice.choice(_DOUBLES)),
        "user": maybe(dice.choice(_STRINGS)),
        "format": maybe(form()),
        "messages": [message() for _ in range(dice.randrange(4))],
        "counts": dice.choices(_INTS, k=dice.randrange(4)),
        "words": dice.choices(_STRINGS, k=dice.randrange(4)),
        "headers": {"x-a": dice.choice(_STRINGS)} if dice.random() < 0.7 else {},
        "params": {key: anything() for key in "abcd" if dice.random() < 0.8},
    }
    return {"request": request, "target": form()}


def _facts(context: dict[str, Any], clearance: Clearance) -> SimpleNamespace:
    def made(value: Any, name: str = "") -> Any:
        if name == "headers":
            return TotalMap(value)
        if _is_map(value) and name != "params":
            return SimpleNamespace(**{key: made(part, key) for key, part in value.items()})
        if name == "messages":
            return tuple(made(part) for part in value)
        return value

    flat = {f"request_{key}": made(part, key) for key, part in context["request"].items()}
    return SimpleNamespace(**flat, request_clearance=clearance, target=made(context["target"]))


def _data(value: Any) -> Any:
    """The same without what is absent."""
    if _is_map(value):
        return {key: _data(part) for key, part in value.items() if part is not ABSENT}
    return [_data(part) for part in value] if _is_list(value) else value


def _is_map(value: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


_dice = random.Random(11)
CONTEXTS: Final = [_context(_dice) for _ in range(60)]
FACTS: Final = [_facts(context, _dice.choice(list(Clearance))) for context in CONTEXTS]
DATA: Final = [_data(context) for context in CONTEXTS]


# What we do otherwise than the oracle, on purpose: what is written for us, for it, and why.

ACCEPTED: Final = (
    (
        "has(request.format.limit)",
        "(has(request.format) && has(request.format.limit))",
        "an absent record has no fields: asking is no error, or every guard would need two",
    ),
    (
        'request.headers["x-a"]',
        '("x-a" in request.headers ? request.headers["x-a"] : "")',
        "a total map reads an absent key as the empty string",
    ),
)


def _for_oracle(text: str) -> str:
    for ours, theirs, _ in ACCEPTED:
        text = text.replace(ours, theirs)
    return text


# Expressions, as text, each strategy of one static type. `names` are the macro variables in sight.

_Names = tuple[str, ...]
_Make = Callable[[st.DrawFn, int, _Names], str]


def _pick(draw: st.DrawFn, *forms: Callable[[], str]) -> str:
    return draw(st.sampled_from(forms))()


def _bool(draw: st.DrawFn, depth: int, names: _Names) -> str:
    if depth <= 0:
        leaves = ["true", "false", "request.stream", "has(request.heat)", "has(request.format)", "has(request.user)"]
        leaves += ["has(request.format.limit)", "has(target.limit)", '("x-a" in request.headers)']
        leaves += [
            '("a" in request.params)',
            "has(request.params.b)",
            *(f"{name}.seen" for name in names if name[0] == "m"),
        ]
        leaves += [f"has({name}.weight)" for name in names if name[0] == "m"]
        return draw(st.sampled_from(leaves))
    d = depth - 1
    return _pick(
        draw,
        lambda: f"({_bool(draw, d, names)} && {_bool(draw, d, names)})",
        lambda: f"({_bool(draw, d, names)} || {_bool(draw, d, names)} || {_bool(draw, 0, names)})",
        lambda: f"!({_bool(draw, d, names)})",
        lambda: f"({_bool(draw, d, names)} ? {_bool(draw, d, names)} : {_bool(draw, d, names)})",
        lambda: _compared(draw, d, names),
        lambda: _compared(draw, d, names),
        lambda: _member(draw, d, names),
        lambda: _string_test(draw, d, names),
        lambda: _quantified(draw, d, names),
        lambda: f"({_dyn(draw, d, names)} == {_any(draw, d, names)})",
        lambda: f"({_dyn(draw, d, names)} {_order(draw)} {_dyn(draw, d, names)})",
    )


def _order(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["<", "<=", ">", ">="]))


def _compared(draw: st.DrawFn, depth: int, names: _Names) -> str:
    operator = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    made = draw(st.sampled_from([_int, _double, _string]))
    return f"({made(draw, depth, names)} {operator} {made(draw, depth, names)})"


def _member(draw: st.DrawFn, depth: int, names: _Names) -> str:
    return _pick(
        draw,
        lambda: f'({_string(draw, depth, names)} in ["a", "AGENT", ""])',
        lambda: f"({_int(draw, depth, names)} in [0, 1, 7])",
        lambda: f"({_int(draw, depth, names)} in {_ints(draw, depth, names)})",
        lambda: f"({_double(draw, depth, names)} in [0.0, 1.5])",
        lambda: f"({_string(draw, depth, names)} in request.words)",
        lambda: f"({_string(draw, depth, names)} in request.params)",
        lambda: f"({_dyn(draw, depth, names)} in [1, 7])",
        lambda: f"({_dyn(draw, depth, names)} in request.words)",
        lambda: f"({_dyn(draw, depth, names)} in [{_any(draw, depth, names)}, {_any(draw, depth, names)}])",
    )


def _string_test(draw: st.DrawFn, depth: int, names: _Names) -> str:
    method = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
    return _pick(
        draw,
        lambda: f"{_string(draw, depth, names)}.{method}({_string(draw, depth, names)})",
        lambda: f'{_string(draw, depth, names)}.matches("^a|[A-G]+$")',
    )


def _quantified(draw: st.DrawFn, depth: int, names: _Names) -> str:
    kind = draw(st.sampled_from(["all", "exists", "exists_one"]))
    if len(names) >= 2:
        return _bool(draw, 0, names)
    message, word, number = f"m{len(names)}", f"w{len(names)}", f"n{len(names)}"
    return _pick(
        draw,
        lambda: f"request.messages.{kind}({message}, {_bool(draw, depth, (*names, message))})",
        lambda: f"request.words.{kind}({word}, {_bool(draw, depth, (*names, word))})",
        lambda: f"{_ints(draw, depth, names)}.{kind}({number}, {_bool(draw, depth, (*names, number))})",
        lambda: f"request.params.{kind}({word}, {_bool(draw, depth, (*names, word))})",
    )


def _int(draw: st.DrawFn, depth: int, names: _Names) -> str:
    if depth <= 0:
        leaves = ["0", "1", "-1", "7", "9223372036854775807", "request.size", "request.most", "target.limit"]
        leaves += ["size(request.messages)", "request.format.limit", *(name for name in names if name[0] == "n")]
        leaves += [f"{name}.weight" for name in names if name[0] == "m"]
        return draw(st.sampled_from(leaves))
    d = depth - 1
    operator = draw(st.sampled_from("+-*/%"))
    return _pick(
        draw,
        lambda: f"({_int(draw, d, names)} {operator} {_int(draw, d, names)})",
        lambda: f"-({_int(draw, d, names)})",
        lambda: f"({_bool(draw, d, names)} ? {_int(draw, d, names)} : {_int(draw, d, names)})",
        lambda: f"size({_string(draw, d, names)})",
        lambda: f'{_string(draw, d, names)}.indexOf("b")',
        lambda: f"{_ints(draw, d, names)}[{_int(draw, 0, names)}]",
        lambda: f"int({_double(draw, d, names)})",
        lambda: _int(draw, 0, names),
    )


def _double(draw: st.DrawFn, depth: int, names: _Names) -> str:
    if depth <= 0:
        return draw(st.sampled_from(["0.0", "1.5", "-2.0", "1e308", "request.ratio", "request.heat"]))
    d = depth - 1
    operator = draw(st.sampled_from("+-*/"))
    return _pick(
        draw,
        lambda: f"({_double(draw, d, names)} {operator} {_double(draw, d, names)})",
        lambda: f"-({_double(draw, d, names)})",
        lambda: f"double({_int(draw, d, names)})",
        lambda: f"({_bool(draw, d, names)} ? {_double(draw, d, names)} : {_double(draw, d, names)})",
    )


_STRING_METHODS: Final = ["lowerAscii()", "upperAscii()", 'replace("a", "bb")', "substring(1)", "charAt(0)", "trim()"]


def _string(draw: st.DrawFn, depth: int, names: _Names) -> str:
    if depth <= 0:
        leaves = ['""', '"a"', '"AGENT"', "'é'", "request.model", "request.user", "target.name", "request.format.name"]
        leaves += ['request.headers["x-a"]']
        leaves += [f"{name}.role" for name in names if name[0] == "m"] + [name for name in names if name[0] == "w"]
        return draw(st.sampled_from(leaves))
    d = depth - 1
    return _pick(
        draw,
        lambda: f"({_string(draw, d, names)} + {_string(draw, d, names)})",
        lambda: f"({_bool(draw, d, names)} ? {_string(draw, d, names)} : {_string(draw, d, names)})",
        lambda: f"string({_int(draw, d, names)})",
        lambda: f"request.words[{_int(draw, 0, names)}]",
        lambda: f"{_string(draw, d, names)}.{draw(st.sampled_from(_STRING_METHODS))}",
        lambda: _string(draw, 0, names),
    )


def _ints(draw: st.DrawFn, depth: int, names: _Names) -> str:
    number = f"n{len(names)}"
    if depth <= 0 or len(names) >= 2:
        return draw(st.sampled_from(["request.counts", "[1, 7]", "[]"]))
    d = depth - 1
    return _pick(
        draw,
        lambda: f"[{_int(draw, d, names)}, {_int(draw, d, names)}]",
        lambda: f"request.counts.filter({number}, {_bool(draw, d, (*names, number))})",
        lambda: f"request.counts.map({number}, {_int(draw, d, (*names, number))})",
        lambda: f"request.counts.map({number}, {_bool(draw, 0, (*names, number))}, {_int(draw, d, (*names, number))})",
        lambda: f"(request.counts + {_ints(draw, d, names)})",
    )


def _dyn(draw: st.DrawFn, depth: int, names: _Names) -> str:
    return _pick(
        draw,
        lambda: draw(
            st.sampled_from(["request.params.a", 'request.params["b"]', "request.params.c", 'request.params["zz"]'])
        ),
        lambda: draw(st.sampled_from(["request.params.a.a", "request.params.b[0]", 'request.params["d"]["a"]'])),
        lambda: f"dyn({_any(draw, depth, names)})",
    )


def _any(draw: st.DrawFn, depth: int, names: _Names) -> str:
    made = draw(st.sampled_from([_bool, _int, _double, _string, _ints, _dyn, _null]))
    return made(draw, depth - 1, names)


def _null(draw: st.DrawFn, depth: int, names: _Names) -> str:
    return draw(st.sampled_from(["null", '{"a": 1}', "[1, 1.0]", "{}"]))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    made = draw(st.sampled_from([_bool, _bool, _bool, _int, _double, _string, _ints]))
    return made(draw, draw(st.integers(1, 3)), ())


# Outcomes, compared with their types: 1, 1.0 and true are three values.


def _outcome(run: Callable[..., Any], *args: Any) -> Any:
    try:
        return _exactly(run(*args))
    except EvaluationError:
        return "error"


def _exactly(value: Any) -> Any:
    if _is_list(value):
        return ("list", *(_exactly(item) for item in value))
    if _is_map(value):
        return ("map", frozenset((_exactly(key), _exactly(item)) for key, item in value.items()))
    if isinstance(value, float):
        return ("double", repr(value))
    return (type(value).__name__, int(value) if isinstance(value, UInt) else value)


def _theirs(value: Any) -> Any:
    kind, held = str(value.type()), value.value()
    if kind == "ERROR":
        return "error"
    if kind.startswith("LIST"):
        return ("list", *(_theirs(item) for item in held))
    if kind.startswith("MAP"):
        return ("map", frozenset((_exactly(key), _theirs(item)) for key, item in held.items()))
    return ("UInt", held) if kind == "UINT" else _exactly(held)


_COMPILER: Final = Compiler()
_ANYTHING: Final = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ORACLE: Final = cel.NewEnv(variables={"request": _ANYTHING, "target": _ANYTHING}, extensions=[extensions.ExtStrings()])
_WINDOW: Final = 8
_MANY: Final = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_windows = st.integers(0, len(CONTEXTS) - _WINDOW).map(lambda first: range(first, first + _WINDOW))


def _compiled(text: str) -> Expression:
    expression, problems = _COMPILER.compile(plain(text), ENVIRONMENT, Demand())
    assert expression is not None, problems
    return expression


def _exact(expression: Expression, facts: Any) -> Any:
    return interpret.evaluate(expression.tree, facts, ENVIRONMENT.flat)


@st.composite
def _own_expressions(draw: st.DrawFn) -> str:
    """What the oracle has no notion of, as well: clearances."""
    joint, operator = draw(st.sampled_from(["&&", "||", "=="])), draw(st.sampled_from(["<", ">=", "==", "!="]))
    level = draw(st.sampled_from(["public", "internal", "confidential", "secret"]))
    inner = _bool(draw, 1, ())
    return f'{inner} {joint} (request.clearance {operator} "{level}") && (request.clearance in ["{level}", "public"])'


@_MANY
@given(expressions() | _own_expressions(), _windows)
def test_compiled_code_gives_what_the_exact_interpreter_gives(text: str, window: range) -> None:
    expression = _compiled(text)
    for index in window:
        facts = FACTS[index]
        assert _outcome(expression.evaluate, facts) == _outcome(_exact, expression, facts), (text, index)


@_MANY
@given(expressions(), _windows)
def test_the_oracle_gives_the_same(text: str, window: range) -> None:
    expression = _compiled(text)
    theirs = _ORACLE.compile(_for_oracle(text), disable_check=True)
    for index in window:
        ours = _outcome(expression.evaluate, FACTS[index])
        assert ours == _theirs(theirs.eval(data=DATA[index])), (text, index)


_RELATIONS: Final[dict[Operator, Callable[[Any, tuple[Any, ...]], bool]]] = {
    Operator.IN: lambda value, constants: value in constants,
    Operator.NOT_IN: lambda value, constants: value not in constants,
    Operator.PREFIX: lambda value, constants: value.startswith(constants[0]),
    Operator.LESS: lambda value, constants: value < constants[0],
    Operator.LESS_EQUAL: lambda value, constants: value <= constants[0],
    Operator.GREATER: lambda value, constants: value > constants[0],
    Operator.GREATER_EQUAL: lambda value, constants: value >= constants[0],
}


def _atom_says(atom: Atom, facts: Any) -> bool:
    read = compile_node(atom.dimension.node, plain(""), ENVIRONMENT)(facts)
    values = read if atom.dimension.many else (read,)
    return any(_RELATIONS[atom.operator](value, atom.constants) for value in values)


def _atoms_say(atoms: tuple[Atom, ...], facts: Any) -> bool | None:
    """Whether one of them holds; None where one could not be read, which says nothing."""
    try:
        return any(_atom_says(atom, facts) for atom in atoms)
    except (EvaluationError, LookupError, TypeError, AttributeError):
        assert any(atom.dimension.fallible for atom in atoms)
        return None


@st.composite
def _conditions(draw: st.DrawFn) -> str:
    """Conditions that are mostly made of atoms."""
    path = draw(st.sampled_from(["request.model", "request.user", 'request.headers["x-a"]', "target.name"]))
    word = draw(st.sampled_from(['"a"', '"AGENT"', '""']))
    number = draw(st.sampled_from(["request.size", "request.most", "request.ratio", "size(request.words)"]))
    constant = draw(st.sampled_from(["0", "1", "7"])) + (".0" if number == "request.ratio" else "")
    text = draw(
        st.sampled_from(
            [
                f"{path} == {word}",
                f"{word} != {path}",
                f"{path} in [{word}, 'b']",
                f"{path}.startsWith({word})",
                f"{number} {draw(st.sampled_from(['<', '<=', '>', '>=', '==', '!=']))} {constant}",
                f"{constant} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {number}",
                "request.stream",
                "has(request.heat)",
                f"{word} in request.words",
                f"{word} in request.headers",
                f"request.messages.exists(m, m.role == {word})",
                f"request.messages.exists(m, m.weight > {draw(st.sampled_from('017'))})",
                f"request.messages.exists(m, size(m.words) > {draw(st.sampled_from('01'))})",
                f"request.words.exists(w, w.startsWith({word}))",
                f"request.clearance < {draw(st.sampled_from(['internal', 'secret']))!r}",
                _bool(draw, 1, ()),
            ]
        )
    )
    return f"!({text})" if draw(st.booleans()) else text


@_MANY
@given(st.lists(_conditions(), min_size=1, max_size=3).map(" || ".join), _windows)
def test_atoms_say_what_their_condition_says(text: str, window: range) -> None:
    expression = _compiled(text)
    for part in conjuncts(expression.tree):
        atoms = alternatives(part)
        for index in window if atoms is not None else ():
            said = _atoms_say(atoms or (), FACTS[index])
            exact = _outcome(interpret.evaluate, part, FACTS[index], ENVIRONMENT.flat)
            assert said is None or exact == ("bool", said), (text, index)


@pytest.mark.parametrize(("ours", "theirs", "why"), ACCEPTED)
def test_an_accepted_difference_is_one(ours: str, theirs: str, why: str) -> None:
    """As written for us the oracle gives something else; as written for the oracle it agrees everywhere."""
    assert why
    as_is, translated = (_ORACLE.compile(text, disable_check=True) for text in (ours, theirs))
    expression = _compiled(ours)
    outcomes = [_outcome(expression.evaluate, facts) for facts in FACTS]
    assert outcomes != [_theirs(as_is.eval(data=data)) for data in DATA]
    assert outcomes == [_theirs(translated.eval(data=data)) for data in DATA]


EDGES: Final = (
    "(request.size - 9223372036854775807 - 1) % -1",
    "(request.size - 9223372036854775807 - 1) / -1",
    "-(request.size)",
    "request.size * request.size",
    "request.ratio / 0.0",
    "-(request.ratio) / 0.0",
    "request.ratio == request.ratio",
    "[request.ratio] == [request.ratio]",
    "request.ratio in [request.ratio]",
    "request.ratio in [0.0 / 0.0, 1.0]",
    "0.0 / 0.0 in [0.0 / 0.0]",
    "dyn(request.stream) == 1",
    "dyn(1) in [true, 1.0]",
    "dyn(true) in [1, 1.0]",
    "{true: 1}[dyn(1)]",
    "{1: 1}[dyn(1.0)]",
    "{1: 1}[dyn(true)]",
    "request.counts[-1]",
    "request.counts[dyn(0.0)]",
    "request.counts[dyn(true)]",
    "request.params.a[-1]",
    "request.params == request.params",
    "request.counts == request.params.a",
    "request.params.exists(k, request.params[k] == 1)",
    "request.params.all(k, request.params[k] > 0)",
    "request.messages.exists(m, m.words.exists(w, w == m.role))",
    "request.messages.map(m, m.words.map(w, w + m.role))",
    "request.messages.exists(m, m.weight > 0)",
    "request.messages.all(m, m.weight > 0)",
    "request.messages.exists_one(m, m.weight > 0)",
    "request.messages.exists(m, request.counts.exists(m, m == 0))",
    "dyn(request.model).exists(c, c == 'a')",
    "request.params.a.exists(x, x == 1)",
    "request.params.a && true",
    "request.params.a || true",
    "!request.params.a",
    "request.params.a ? 1 : 2",
    "request.params.a + request.params.b",
    "request.params.a % request.params.b",
    "-request.params.a",
    "size(request.params.a)",
    "request.params.a.startsWith('a')",
    "request.params.a.matches('a')",
    "request.params.a < request.params.b",
    "request.most == 1 || request.most != 1",
    "request.heat < 1.0 || true",
    "request.user in ['a'] && false",
    "request.user in request.words",
    "request.user + 'a' == 'aa'",
    "request.user.contains(request.model)",
    "'ab'.contains(request.user)",
    "request.format.name == 'name'",
    "request.format.limit + 1",
    "type(request.params.a) == int",
    "string(request.size)",
    "string(request.params.a) == string(request.params.a)",
    "[request.most]",
    "{'a': request.most}",
    "[1, 2].map(x, x * request.size)",
)


@pytest.mark.parametrize("text", EDGES)
def test_the_corners_agree_three_ways(text: str) -> None:
    expression = _compiled(text)
    theirs = _ORACLE.compile(text, disable_check=True)
    for facts, data in zip(FACTS, DATA, strict=True):
        ours = _outcome(expression.evaluate, facts)
        assert ours == _outcome(_exact, expression, facts)
        assert ours == _theirs(theirs.eval(data=data)), data


DIFFERENT: Final = (
    ("{1: 1, 1u: 2}.size()", "error", ("int", 2), "1 and 1u are one key, as 1 == 1u says"),
    ("string(1.0 / 0.0)", ("str", "Infinity"), ("str", "inf"), "the specification leaves the spelling open"),
)


@pytest.mark.parametrize(("text", "ours", "theirs", "why"), DIFFERENT)
def test_an_accepted_corner_is_as_listed(text: str, ours: Any, theirs: Any, why: str) -> None:
    assert why
    expression = _compiled(text)
    assert _outcome(expression.evaluate, FACTS[0]) == ours
    assert _theirs(_ORACLE.compile(text, disable_check=True).eval(data=DATA[0])) == theirs


def test_the_contexts_reach_values_and_errors_alike() -> None:
    """A differential test over errors alone would prove nothing."""
    expression = _compiled("request.most > 1")
    seen = {_outcome(expression.evaluate, facts) for facts in FACTS}
    assert seen == {("bool", True), ("bool", False), "error"}
