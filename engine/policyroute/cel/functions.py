"""Every function, operator and method of policies' CEL: one table.

Rule of this module: what is not in `FUNCTIONS` does not exist. The checker, the code generator, the interpreter and the
documentation all read it here.
"""

from __future__ import annotations

import re
from typing import Final

from policyroute.cel.signatures import Form, Function, Overload
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
    macros = [(_code(form), doc) for form, doc in MACROS.values()]
    groups = dict.fromkeys(function.group for function in FUNCTIONS.values())
    tables = [_table(group, [_row(f) for f in FUNCTIONS.values() if f.group == group]) for group in groups]
    return "\n\n".join([_table("Macros", macros), *tables])


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {form} | {doc} |" for form, doc in rows]
    return "\n".join([f"### {title}", "", "| form | what it gives |", "|---|---|", *lines])


def _row(function: Function) -> tuple[str, str]:
    forms = [form for overload in function.overloads for form in _forms(function, overload)]
    if function.name in _COMPARISONS:
        symbol = function.name.strip("_")
        forms = [f"number {symbol} number → bool", *(form for form in forms if not _NUMBERS.match(form))]
    return "<br>".join(map(_code, dict.fromkeys(forms))), function.doc


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


_COMPARISONS: Final = ("_<_", "_<=_", "_>_", "_>=_")
_NUMBERS: Final = re.compile(r"(?:int|uint|double) [<>=]+ (?:int|uint|double) ")
"""Every pair of numeric types can be compared, which one line says better than nine."""

_OPERANDS: Final = {
    "!_": "!{0}",
    "-_": "-{0}",
    "@in": "{0} in {1}",
    "_[_]": "{0}[{1}]",
    "_?_:_": "{0} ? {1} : {2}",
}
_SHORT: Final = {"dyn": "any", "list(dyn)": "list", "map(dyn, dyn)": "map"}


def _forms(function: Function, overload: Overload) -> list[str]:
    """How a call of this overload is written, with types where values stand."""
    names = [_SHORT.get(str(param), str(param)) for param in overload.params]
    result = _SHORT.get(str(overload.result), str(overload.result))
    if function.form is Form.OPERATOR:
        operands = _OPERANDS.get(function.name, f"{{0}} {function.name.strip('_')} {{1}}")
        return [f"{operands.format(*names)} → {result}"]
    rest = ", ..." if overload.rest else ""
    plain = f"{function.name}({', '.join(names)}{rest}) → {result}"
    method = f"{names[0]}.{function.name}({', '.join(names[1:])}) → {result}"
    return {Form.FUNCTION: [plain], Form.METHOD: [method], Form.BOTH: [plain, method]}[function.form]
