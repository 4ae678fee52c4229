"""Values as JSON Schema compares them: 1 and 1.0 are the same, 1 and true are not, and the order of names says nothing.

Rule of this module: a comparison costs what the value is large, whatever it is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from policyroute.integrity.work import Unusable, spend
from policyroute.schemas.vocabulary import is_list, is_map

_EXACT: Final = 2.0**63
"""Whole numbers that are written as such are below that."""

Key = bytes | str


def key(value: Any) -> Key:
    """The same for what is the same."""
    spend(4)
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise Unusable("a value is too deep, or too large a number") from None


def _plain(value: Any) -> Any:
    if is_list(value):
        spend(len(value))
        return [_plain(each) for each in value]
    if is_map(value):
        spend(len(value))
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, str):
        spend(len(value) // 256)
    return value


class Choices:
    """Values, one of which it has to be."""

    __slots__ = ("_keys", "values")

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self._keys = frozenset(map(key, values))

    def has(self, value: Any) -> bool:
        return key(value) in self._keys
