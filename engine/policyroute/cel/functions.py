"""Every function, operator and method of policies' CEL: one table.

Rule of this module: what is not in `FUNCTIONS` does not exist. The checker, the code generator, the interpreter and the
documentation all read it here.
"""

from __future__ import annotations

import re
from typing import Final

from policyroute.cel.signatures import Form, Function
from policyroute.cel.table_extensions import MATH, OURS, STRINGS
from policyroute.cel.table_operators import OPERATORS
from policyroute.cel.table_standard import CONVERSIONS, STANDARD, TIMES

FUNCTIONS: Final[dict[str, Function]] = {
    function.name: function for function in (*OPERATORS, *STANDARD, *CONVERSIONS, *TIMES, *STRINGS, *MATH, *OURS)
}
NAMESPACES: Final = frozenset(name.split(".")[0] for name in FUNCTIONS if "." in name)
"""`math.greatest(...)` is a function called `math.greatest`, not a method of something called `math`."""

MACROS: Final = {
    "has": ("has(x.field)", "whether a field is there, or a map has a key; never an error for a record that is absent"),
    "all": ("list.all(v, condition)", "the condition holds for every element of a list, or key of a map"),
    "exists": ("list.exists(v, condition)", "it holds for at least one"),
    "exists_one": ("list.exists_one(v, condition)", "it holds for exactly one (also `existsOne`)"),
    "map": ("list.map(v, value), list.map(v, condition, value)", "a list of the values, for the elements that fit"),
    "filter": ("list.filter(v, condition)", "a list of the elements for which the condition holds"),
}

UNSUPPORTED: Final = {
    "optional": "optional values",
    "optMap": "optional values",
    "optFlatMap": "optional values",
    "orValue": "optional values",
    "hasValue": "optional values",
    "ip": 'IP address values: write cidr("10.0.0.0/8").containsIP(client.address)',
    "isIP": 'IP address values: write cidr("10.0.0.0/8").containsIP(client.address)',
    "containsCIDR": "networks within networks",
    "masked": "parts of networks",
    "prefixLength": "parts of networks",
    "transformList": "macros with two variables: write map",
    "transformMap": "macros that make maps",
    "transformMapEntry": "macros that make maps",
    "cel": "cel.bind and cel.block: name the part under `variables`",
    "base64": "the encoders extension",
    "sets": "the sets extension: write a.all(x, x in b)",
    "lists": "the lists extension",
    "regex": "the regex extension: write matches",
    "proto": "protocol buffers",
}
"""What other implementations of CEL have and this one refuses by name."""


def reference() -> str:
    """The supported subset, as Markdown tables."""
    return "\n".join([*_macros(), *(line for group in _groups() for line in group)])


def _macros() -> list[str]:
    rows = [f"| `{form}` | {doc} |" for form, doc in MACROS.values()]
    return ["### Macros", "", "| macro | what it says |", "|---|---|", *rows, ""]


def _groups() -> list[list[str]]:
    names = dict.fromkeys(function.group for function in FUNCTIONS.values())
    return [_group(name) for name in names]


def _group(group: str) -> list[str]:
    rows = [
        f"| {_form(function)} | {'<br>'.join(_signature(function))} | {function.doc} |"
        for function in FUNCTIONS.values()
        if function.group == group
    ]
    return [f"### {group}", "", "| form | types | what it gives |", "|---|---|---|", *rows, ""]


_NOTATIONS: Final = {
    "_&&_": "a && b",
    "_||_": "a \\|\\| b",
    "!_": "!a",
    "-_": "-a",
    "@in": "a in b",
    "_[_]": "a[b]",
    "_?_:_": "a ? b : c",
}


def _form(function: Function) -> str:
    name = function.name
    if function.form is Form.OPERATOR:
        return f"`{_NOTATIONS.get(name) or 'a ' + name.strip('_') + ' b'}`"
    if function.form is Form.FUNCTION:
        return f"`{name}(...)`"
    return f"`x.{name}(...)`" if function.form is Form.METHOD else f"`{name}(x)`, `x.{name}()`"


def _signature(function: Function) -> list[str]:
    lines: list[str] = []
    for overload in function.overloads:
        params = [str(param) for param in overload.params]
        if overload.rest:
            params[-1] += "..."
        if function.form is Form.METHOD:
            lines.append(f"{params[0]}.({', '.join(params[1:])}) → {overload.result}")
        else:
            lines.append(f"({', '.join(params)}) → {overload.result}")
    return [_ANY_NUMBERS, *(line for line in lines if not _TWO_NUMBERS.match(line))] if _mixes(lines) else lines


def _mixes(lines: list[str]) -> bool:
    """Whether every pair of numeric types is taken, which one line says better than nine."""
    return sum(bool(_TWO_NUMBERS.match(line)) for line in lines) == _PAIRS_OF_NUMBERS


_ANY_NUMBERS: Final = "(number, number) → bool"
_TWO_NUMBERS: Final = re.compile(r"\((?:int|uint|double), (?:int|uint|double)\)")
_PAIRS_OF_NUMBERS: Final = 9
