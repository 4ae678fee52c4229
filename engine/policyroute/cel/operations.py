"""What CEL's operators do to values.

Rule of this module: CEL's semantics, not Python's. A bool is no number, an int is no string, numbers of different types
compare by value, and what CEL has no answer to is an `EvaluationError` that names no value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.cel.cidr import Cidr
from policyroute.cel.expression import EvaluationError
from policyroute.cel.types import Kind
from policyroute.cel.values import Duration, Timestamp, TypeValue, UInt
from policyroute.clearance import Clearance

NO_OVERLOAD: Final = "no such overload"
NO_KEY: Final = "no such key"
MAX_SIZE: Final = 8_000_000
"""The most characters, bytes or items a function may build: a request must not be able to ask for more memory."""

_KINDS: dict[type, Kind] = {
    bool: Kind.BOOL,
    int: Kind.INT,
    UInt: Kind.UINT,
    float: Kind.DOUBLE,
    str: Kind.STRING,
    bytes: Kind.BYTES,
    type(None): Kind.NULL,
    list: Kind.LIST,
    tuple: Kind.LIST,
    dict: Kind.MAP,
    Duration: Kind.DURATION,
    Timestamp: Kind.TIMESTAMP,
    Clearance: Kind.CLEARANCE,
    TypeValue: Kind.TYPE,
    Cidr: Kind.CIDR,
}
NUMERIC: Final = frozenset({Kind.INT, Kind.UINT, Kind.DOUBLE})
ORDERED: Final = frozenset(
    {Kind.BOOL, Kind.STRING, Kind.BYTES, Kind.DURATION, Kind.TIMESTAMP, Kind.CLEARANCE},
)
_KEYS: Final = NUMERIC | {Kind.BOOL, Kind.STRING}
_MISSING: Final = object()


def kind(value: Any) -> Kind:
    """The kind of a value that is there. An absent one is `no such key`."""
    found = _KINDS.get(value.__class__)
    if found is not None:
        return found
    if value is ABSENT:
        raise EvaluationError(NO_KEY)
    if isinstance(value, Mapping):
        return Kind.MAP
    return Kind.STRING if isinstance(value, str) else Kind.RECORD


def present(value: Any) -> Any:
    """The value, or `no such key` where an optional field is absent."""
    if value is ABSENT:
        raise EvaluationError(NO_KEY)
    return value


def truth(value: Any) -> bool:
    """The value if it is a bool; nothing else is true or false."""
    if value is True or value is False:
        return value is True
    present(value)
    raise EvaluationError(NO_OVERLOAD)


def equal(left: Any, right: Any) -> bool:
    ours, theirs = kind(left), kind(right)
    if ours in NUMERIC and theirs in NUMERIC:
        left, right = _alike(left, right)
        return bool(left == right)
    if Kind.RECORD in (ours, theirs):
        raise EvaluationError(NO_OVERLOAD)
    if ours is not theirs:
        return False
    if ours is Kind.LIST:
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if ours is Kind.MAP:
        return len(left) == len(right) and all(_same_entry(right, key, value) for key, value in left.items())
    return bool(left == right)


def unequal(left: Any, right: Any) -> bool:
    return not equal(left, right)


def conjunction(*values: Any) -> bool:
    """`&&` of values that are all there: every one has to be a bool, also after a false one."""
    return all([truth(value) for value in values])  # noqa: C419


def disjunction(*values: Any) -> bool:
    return any([truth(value) for value in values])  # noqa: C419


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if truth(condition) else otherwise


def _same_entry(other: Mapping[Any, Any], key: Any, value: Any) -> bool:
    found = find(other, key)
    return found is not _MISSING and equal(value, found)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Two numbers, made comparable: beside a double, an integer counts as the double nearest to it."""
    if left.__class__ is float:
        return left, float(right)
    return (float(left), right) if right.__class__ is float else (left, right)


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    ours, theirs = kind(left), kind(right)
    if ours in NUMERIC and theirs in NUMERIC:
        return _alike(left, right)
    if ours is not theirs or ours not in ORDERED:
        raise EvaluationError(NO_OVERLOAD)
    return left, right


def less(left: Any, right: Any) -> bool:
    left, right = _comparable(left, right)
    return bool(left < right)


def less_equal(left: Any, right: Any) -> bool:
    left, right = _comparable(left, right)
    return bool(left <= right)


def greater(left: Any, right: Any) -> bool:
    left, right = _comparable(left, right)
    return bool(left > right)


def greater_equal(left: Any, right: Any) -> bool:
    left, right = _comparable(left, right)
    return bool(left >= right)


def bounded(size: int) -> None:
    """Refuse to build something of this many characters, bytes or items."""
    if size > MAX_SIZE:
        raise EvaluationError("result too large")


def find(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The value under a key, or a marker that equals nothing. `true` and `1` are different keys."""
    if key.__class__ is str:
        return mapping.get(key, _MISSING)
    if kind(key) not in _KEYS or key not in mapping:
        return _MISSING
    flag = key.__class__ is bool
    matches = any(stored == key and (stored.__class__ is bool) is flag for stored in mapping)
    return mapping[key] if matches else _MISSING


def contains(item: Any, container: Any) -> bool:
    """`item in container`: an element of a list, or a key of a map."""
    present(item)
    found = kind(container)
    if found is Kind.LIST:
        return any(equal(item, element) for element in container)
    if found is Kind.MAP:
        return find(container, item) is not _MISSING
    raise EvaluationError(NO_OVERLOAD)


def index(container: Any, key: Any) -> Any:
    """`container[key]`. A list takes whole numbers from 0; a total map answers `""` for a key it has not."""
    found = kind(container)
    if found is Kind.MAP:
        value = find(container, present(key))
        if value is not _MISSING:
            return present(value)
        if kind(key) is Kind.STRING and hasattr(container.__class__, "__missing__"):
            return container[key]
        raise EvaluationError(NO_KEY)
    if found is not Kind.LIST or kind(key) not in NUMERIC:
        raise EvaluationError(NO_OVERLOAD)
    if not math.isfinite(key) or key != int(key):
        raise EvaluationError("invalid index")
    if not 0 <= key < len(container):
        raise EvaluationError("index out of bounds")
    return present(container[int(key)])


def lookup(mapping: Any, key: Any, default: Any) -> Any:
    """`get(map, key, default)`."""
    if kind(mapping) is not Kind.MAP:
        raise EvaluationError(NO_OVERLOAD)
    value = find(mapping, present(key))
    return default if value is _MISSING or value is ABSENT else value


def size(value: Any) -> int:
    if kind(value) not in (Kind.STRING, Kind.BYTES, Kind.LIST, Kind.MAP):
        raise EvaluationError(NO_OVERLOAD)
    return len(value)


def new_map(entries: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map literal's value. Keys are bool, int, uint or string, each once; `true` beside `1` is refused."""
    result: dict[Any, Any] = {}
    for key, value in entries:
        if kind(key) not in _KEYS - {Kind.DOUBLE}:
            raise EvaluationError("unsupported key type")
        if key in result:
            raise EvaluationError("repeated key")
        result[key] = present(value)
    return result
