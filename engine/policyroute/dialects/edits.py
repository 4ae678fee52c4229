"""Changing a body, as every dialect does it.

Rule of this module: nothing given is changed. A place is one name, or two: of an object at the top and of what is in
it.
"""

from __future__ import annotations

from typing import Any

from policyroute.dialects.shapes import items, obj, without

Place = tuple[str] | tuple[str, str]


def added(content: Any, said: str, *, before: bool, part: str = "text") -> Any:
    """Content, a text or an array of parts, with one more text at its beginning or end. `part` is the dialect's type of
    a part that is a text."""
    if isinstance(content, list):
        more = {"type": part, "text": said}
        return [more, *items(content)] if before else [*items(content), more]
    if content:
        return f"{said}\n\n{content}" if before else f"{content}\n\n{said}"
    return said


def at(data: dict[str, Any], place: Place) -> Any:
    return data.get(place[0]) if len(place) == 1 else obj(data.get(place[0])).get(place[1])


def put(data: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    if len(place) == 1:
        return {**data, place[0]: value}
    return {**data, place[0]: {**obj(data.get(place[0])), place[1]: value}}


def dropped(data: dict[str, Any], place: Place) -> dict[str, Any]:
    """Without what stands there, and without what is empty then."""
    if len(place) == 1:
        return without(data, place[0])
    left = without(obj(data.get(place[0])), place[1])
    return {**data, place[0]: left} if left else without(data, place[0])
