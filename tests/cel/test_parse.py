"""From text to tree: positions, literals, macros, bounds, and what is said about text that is not CEL."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.cel.parse import parse
from policyroute.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, children
from policyroute.cel.trouble import Trouble
from policyroute.cel.values import UInt


def tree(text: str) -> Node:
    found = parse(text)
    assert isinstance(found, Node), found
    return found


def trouble(text: str) -> Trouble:
    found = parse(text)
    assert isinstance(found, Trouble), found
    return found


def words(node: Node) -> str:
    """The tree in prefix form, to compare shapes."""
    match node:
        case Literal(value=value):
            return repr(value)
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field, test=test):
            return f"{'has ' if test else ''}{words(operand)}.{field}"
        case Call(function=function):
            return f"({' '.join([function, *map(words, children(node))])})"
        case Comprehension(kind=kind, variable=variable):
            return f"({kind} {variable} {' '.join(map(words, children(node)))})"
        case ListNode() | MapNode():
            return f"[{' '.join(map(words, children(node)))}]"
        case _:
            raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a && b && (c && d)", "(_&&_ a b c d)"),
        ("a || b || c && d", "(_||_ a b (_&&_ c d))"),
        ("a ? b : c ? d : e", "(_?_:_ a b (_?_:_ c d e))"),
        ("1 - 2 - 3 * -4", "(_-_ (_-_ 1 2) (_*_ 3 -4))"),
        ("a-1", "(_-_ a 1)"),
        ("!!a", "(!_ (!_ a))"),
        ("-(1)", "(-_ 1)"),
        ("x.y[0]['k'].z", "(_[_] (_[_] x.y 0) 'k').z"),
        ("x in [1, 2u]", "(@in x [1 2u])"),
        ("{'a': 1, b: 2}", "['a' 1 b 2]"),
        ("[]", "[]"),
        ("has(a.b)", "has a.b"),
        ("l.all(v, v > 1)", "(all v l (_>_ v 1))"),
        ("l.existsOne(v, true)", "(exists_one v l True)"),
        ("l.map(v, v > 1, v + 1)", "(map v l (_>_ v 1) (_+_ v 1))"),
        ("s.size()", "(size s)"),
        ("math.greatest(1, 2)", "(greatest math 1 2)"),
        ("m.package", "m.package"),
        ("a // a remark\n && b", "(_&&_ a b)"),
        ("inner in input", "(@in inner input)"),
    ],
)
def test_shapes(text: str, shape: str) -> None:
    assert words(tree(text)) == shape


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("-0x1F", -31),
        ("18446744073709551615u", UInt(2**64 - 1)),
        ("-9223372036854775808", -(2**63)),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("null", None),
        (r'"\u00e9\x41\101\n\\"', "éAA\n\\"),
        (r"r'\d+\.'", r"\d+\."),
        ('"""two\nlines"""', "two\nlines"),
        ("'''it's'''", "it's"),
        (r"b'\xff\377é'", b"\xff\xff\xc3\xa9"),
        ("rb'x'", None),
    ],
)
def test_literals(text: str, value: Any) -> None:
    if text.startswith("rb"):
        assert trouble(text).code == "cel-syntax"
        return
    node = tree(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert type(node.value) is type(value)


def test_every_node_knows_where_it_stands() -> None:
    text = 'request.profile == "AGENT" &&\n  tools.exists(t, t.name in ["a"]) || !true'
    waiting = [tree(text)]
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        seen.add(text[node.start : node.end])
    assert seen >= {
        text,
        "request",
        "request.profile",
        '"AGENT"',
        'request.profile == "AGENT"',
        'tools.exists(t, t.name in ["a"])',
        't.name in ["a"]',
        '["a"]',
        '"a"',
        "!true",
        "true",
    }


@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        ("", "cel-syntax", "", "no expression"),
        ("a &&", "cel-syntax", "", "ends too early"),
        ("a and b", "cel-syntax", "and", "cannot stand here"),
        ("a = b", "cel-syntax", "=", "not an operator"),
        ("a & b", "cel-syntax", "&", "not an operator"),
        ("(a", "cel-syntax", "(", "never closed"),
        ("a]", "cel-syntax", "]", "never opened"),
        ("(a]", "cel-syntax", "]", "is closed by"),
        ("x == 'abc", "cel-syntax", "'", "never closed"),
        ("24.indexOf('2')", "cel-syntax", ".", "cannot end in a dot"),
        ("x inlist", "cel-syntax", "in", "needs a space"),
        ("for", "cel-syntax", "for", "reserved"),
        ("has(x)", "cel-syntax", "x", "takes a field"),
        ("l.all(1, true)", "cel-syntax", "1", "name for the element"),
        ("l.all(v)", "cel-syntax", "l.all(v)", "is written"),
        ("x.#", "cel-syntax", "#", "means nothing"),
        ("9223372036854775808", "cel-bad-literal", "9223372036854775808", "64-bit"),
        ("-1u", "cel-bad-literal", "-1u", "unsigned"),
        ("1e999", "cel-bad-literal", "1e999", "too large"),
        (r"'a\d'", "cel-bad-literal", r"\d", "escape"),
        (r"'\ud800'", "cel-bad-literal", r"\ud800", "escape"),
        (r"b'\u0041'", "cel-bad-literal", r"\u0041", "bytes"),
        ("l.all(i, v, true)", "cel-unsupported", "l.all(i, v, true)", "two variables"),
        ("x.?y", "cel-unsupported", ".?", "optional"),
        ("x[?0]", "cel-unsupported", "[?", "optional"),
        ("x.`a-b`", "cel-unsupported", "`", "backticks"),
        ("T{a: 1}", "cel-unsupported", "T{a: 1}", "messages"),
        (".x", "cel-unsupported", ".x", "dot"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_at_its_place(text: str, code: str, place: str, says: str) -> None:
    found = trouble(text)
    assert (found.code, text[found.start : found.end]) == (code, place)
    assert says in found.message


@pytest.mark.parametrize(
    "text",
    [
        "'" + "a" * 9000 + "'",
        "(" * 49 + "1" + ")" * 49,
        "!" * 150 + "a",
        "a" + ".b" * 300,
        " + ".join("a" * 300),
        "a.exists(x, b.exists(y, c.exists(z, true)))",
        "[" + ",".join("1" * 2500) + "]",
    ],
)
def test_size_is_bounded(text: str) -> None:
    assert trouble(text).code == "cel-too-large"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 47 + "1" + ")" * 47,
        " && ".join(f"a{n} == {n}" for n in range(200)),
        "a.filter(x, x > 1).map(x, x + 1).exists(x, b.exists(y, x == y))",
    ],
)
def test_ordinary_size_is_not(text: str) -> None:
    tree(text)


def test_deep_text_is_refused_without_touching_the_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    for opener in ("!", "-", "(", "[", "a.", "a?a:", "{1:"):
        assert isinstance(parse(opener * 2500), Trouble)
    assert sys.getrecursionlimit() == limit


_FRESH = """
import sys
limit = sys.getrecursionlimit()
from celpy.celparser import CELParser
CELParser.CEL_PARSER = theirs = object()
from policyroute.cel.parse import parse
assert parse("a == 1").function == "_==_"
assert CELParser.CEL_PARSER is theirs
assert sys.getrecursionlimit() == limit
"""


def test_an_application_beside_us_keeps_its_own_parser() -> None:
    """cel-python holds one parser in a class; ours is another. Asked in a process in which nothing was parsed yet."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", _FRESH], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_parse_at_once() -> None:
    texts = [f"x.a{n} == {n} && y in [{n}, {n + 1}] || z.exists(v, v > {n})" for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(tree, texts))
    assert [words(node) for node in trees] == [
        f"(_||_ (_&&_ (_==_ x.a{n} {n}) (@in y [{n} {n + 1}])) (exists v z (_>_ v {n})))" for n in range(200)
    ]


@given(st.text(alphabet="ab01.\"'\\[](){}?:&|=!<>+-*/%,rbu \nin", max_size=40))
def test_any_text_gives_a_tree_or_one_trouble_inside_the_text(text: str) -> None:
    found = parse(text)
    if isinstance(found, Trouble):
        assert 0 <= found.start <= found.end <= max(len(text), 1)
        assert found.message


@given(st.text(max_size=30))
def test_any_string_can_be_written_as_a_literal(text: str) -> None:
    """Strings without lone surrogates, which no file can hold."""
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        return
    escaped = "".join(f"\\U{ord(character):08x}" for character in text)
    node = tree(f'"{escaped}"')
    assert isinstance(node, Literal)
    assert node.value == text
