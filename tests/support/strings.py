"""The strings of JSON, with and without the names of fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.dialects.shapes import items, obj


def strings(value: Any) -> Iterator[str]:
    """All values that are strings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in obj(value).values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in items(value):
            yield from strings(inner)


def every(value: Any) -> Iterator[str]:
    """Names and numbers too, as they are written."""
    if isinstance(value, dict):
        for name, inner in obj(value).items():
            yield name
            yield from every(inner)
    elif isinstance(value, list):
        for inner in items(value):
            yield from every(inner)
    elif value is not None:
        yield str(value)
