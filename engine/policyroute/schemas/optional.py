"""Whether answers to a schema may leave something out.

Rule of this module: where in doubt they may. Who demands every property would get nulls that nobody allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.schemas.vocabulary import is_list, is_map


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def may_leave_out(schema: Mapping[str, Any]) -> bool:
    """Whether an object anywhere in it has a property that it does not require itself."""
    left: list[Any] = [dict(schema)]
    while left:
        node = left.pop()
        if is_list(node):
            left += node
        elif is_map(node):
            declared, required = node.get("properties"), node.get("required")
            if is_map(declared) and not set(declared) <= set(filter(_is_name, required if is_list(required) else [])):
                return True
            left += node.values()
    return False
