"""A field that is read when it is first touched.

Rule of this module: the value is kept in the object's own dict, so that every later read is a plain attribute read.
`functools.cached_property` would do, were it not for the lock it takes in Python 3.11. No thread shares these objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """`field = Lazy(read)`, or as a decorator: `read(owner)` is asked once an object."""

    __slots__ = ("_name", "_read")

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: object, kind: type | None = None) -> T:
        value = owner.__dict__[self._name] = self._read(owner)
        return value
