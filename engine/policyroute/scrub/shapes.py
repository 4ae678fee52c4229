"""JSON that anyone may have written: the value if it has the shape asked for, else the empty one.

Rule of this module: it never raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast


def obj(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    whole: Any = value
    found: list[Any] = whole if isinstance(value, list) else []
    return found


def same(told: Iterable[Any], given: Iterable[Any]) -> bool:
    """Whether each is the very other, of as many."""
    return all(new is old for new, old in zip(told, given, strict=True))
