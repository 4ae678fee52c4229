"""The table of functions and what the docs say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyroute.cel.check import check
from policyroute.cel.expression import Demand, Environment
from policyroute.cel.functions import FUNCTIONS, MACROS, UNSUPPORTED, reference
from policyroute.cel.parse import parse
from policyroute.cel.signatures import Form
from policyroute.cel.syntax import Node

PAGE = Path(__file__).parents[2] / "docs" / "cel.md"


def test_the_page_has_the_table_as_it_is() -> None:
    """`scripts/generate_docs.py` writes it."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- generated: functions -->\n")
    block, _, _ = rest.partition("<!-- end -->")
    assert block.strip() == reference().strip()


def test_the_table_has_every_function_once() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FUNCTIONS) + len(MACROS)
    for function in FUNCTIONS.values():
        assert function.doc
        assert function.doc[-1] != "."


def test_nothing_is_both_supported_and_not() -> None:
    assert not set(UNSUPPORTED) & (set(FUNCTIONS) | set(MACROS))


SAMPLES = {
    "bool": "true",
    "int": "1",
    "uint": "1u",
    "double": "1.0",
    "string": "'a'",
    "bytes": "b'a'",
    "dyn": "dyn(1)",
    "list(dyn)": "[1]",
    "list(string)": "['a']",
    "map(dyn, dyn)": "{'a': 1}",
    "duration": "duration('1s')",
    "timestamp": "timestamp(0)",
    "cidr": "cidr('10.0.0.0/8')",
}
PATTERNS = {"cidr": "'10.0.0.0/8'", "getFullYear": "'UTC'", "duration": "'1s'", "timestamp": "'2026-01-01T00:00:00Z'"}


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if f.form is not Form.OPERATOR])
def test_every_overload_in_the_table_can_be_written(name: str) -> None:
    function = FUNCTIONS[name]
    for overload in function.overloads:
        if any(param.kind.value == "clearance" for param in overload.params):
            continue
        args = [SAMPLES[str(param)] for param in overload.params]
        if overload.params[-1].kind.value == "string" and (name in PATTERNS or name.startswith("get")):
            args[-1] = PATTERNS.get(name, "'UTC'" if len(args) == 2 else args[-1])
        call = (
            f"{args[0]}.{name}({', '.join(args[1:])})" if function.form is Form.METHOD else f"{name}({', '.join(args)})"
        )
        parsed = parse(call.replace("1.size", "(1).size"))
        assert isinstance(parsed, Node), call
        checked = check(parsed, Environment({}), Demand())
        assert checked.tree is not None, (call, checked.troubles)
        if overload.derive is None:
            assert checked.type.kind is overload.result.kind, call
