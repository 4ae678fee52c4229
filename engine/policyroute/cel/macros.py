"""CEL's macros: calls that are more than calls.

Rule of this module: a macro is known by its name and the number of its arguments, and becomes a node of its own here,
so that nothing later has to know that it was written as a call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policyroute.cel.syntax import Call, Comprehension, Ident, Node, Select
from policyroute.cel.trouble import SYNTAX, UNSUPPORTED, refused

_KINDS: Final = {
    "all": "all",
    "exists": "exists",
    "exists_one": "exists_one",
    "existsOne": "exists_one",
    "map": "map",
    "filter": "filter",
}


def expand_call(call: Call) -> Node:
    """`has(x.y)`, or the call itself."""
    if call.function != "has" or len(call.args) != 1:
        return call
    operand = call.args[0]
    if not isinstance(operand, Select) or operand.test:
        raise refused(
            SYNTAX, "has() takes a field: has(x.name)", operand.start, operand.end, 'for a key, write `"name" in x`'
        )
    return replace(operand, test=True, start=call.start, end=call.end)


def expand_method(call: Call) -> Node:
    """`list.exists(v, condition)` and its like, or the call itself."""
    kind = _KINDS.get(call.function)
    if kind is None or call.target is None:
        return call
    counts = (2, 3) if kind == "map" else (2,)
    if len(call.args) == 3 and kind != "map":
        raise refused(UNSUPPORTED, f"{call.function}() with two variables is not supported", call.start, call.end)
    if len(call.args) not in counts:
        form = f"list.{call.function}(v, {'value' if kind == 'map' else 'condition'})"
        raise refused(SYNTAX, f"{call.function}() is written {form}", call.start, call.end)
    variable = call.args[0]
    if isinstance(variable, Call):
        raise refused(UNSUPPORTED, "a variable named by a call is not supported", variable.start, variable.end)
    if not isinstance(variable, Ident):
        raise refused(
            SYNTAX,
            f"the first argument of {call.function}() is a name for the element",
            variable.start,
            variable.end,
            f"write it as in list.{call.function}(v, v == 1)",
        )
    condition = call.args[1] if len(call.args) == 3 else None
    return Comprehension(kind, call.target, variable.name, call.args[-1], condition, start=call.start, end=call.end)
