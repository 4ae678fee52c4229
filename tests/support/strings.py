"""The strings of JSON, with and without the names of fields; and strings in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def cut(text: str, places: Iterable[int]) -> list[str]:
    """In pieces: after each of so many characters, counted on from the beginning where the text is shorter."""
    at = sorted({place % (len(text) + 1) for place in places})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]
