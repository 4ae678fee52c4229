"""Fields that are taken from a node of JSON, the `extra` that is left of it, and the node again.

Rule of this module: what was taken and what is left make the node again. A name in an `extra` that is `ABSENT` was not
there: what we would write under it came under another, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.shapes import is_number, is_texts, is_whole, items, obj
from policyroute.request.prompt import Extra

# What a node says, taken if it is what is asked for; else whatever stands there is left. ------------------------------


def take_text(rest: dict[str, Any], name: str) -> str:
    """A text that says something, taken; else empty."""
    value = rest.get(name)
    if isinstance(value, str) and value:
        del rest[name]
        return value
    return ""


def take_flag(rest: dict[str, Any], name: str) -> bool | None:
    value = rest.get(name)
    return rest.pop(name) if value is True or value is False else None


def take_number(rest: dict[str, Any], name: str) -> Any:
    return rest.pop(name) if is_number(rest.get(name)) else None


def take_whole(rest: dict[str, Any], name: str) -> int | None:
    return rest.pop(name) if is_whole(rest.get(name)) else None


def take_texts(rest: dict[str, Any], name: str) -> tuple[str, ...] | None:
    """At least one."""
    return tuple(items(rest.pop(name))) if is_texts(rest.get(name)) else None


def take_metadata(rest: dict[str, Any]) -> dict[str, str] | None:
    given = obj(rest.get("metadata"))
    if not given or not all(isinstance(value, str) for value in given.values()):
        return None
    del rest["metadata"]
    return given


def nested(rest: dict[str, Any], name: str, inner: dict[str, Any]) -> None:
    """What is left of an object inside of a node is left under its name, if anything is."""
    rest.pop(name, None)
    if inner:
        rest[name] = inner


# The node again -------------------------------------------------------------------------------------------------------


def joined(said: dict[str, Any], extra: Extra | None) -> dict[str, Any]:
    """What is said, and what was left. What is said wins: it may have been changed since."""
    for name, value in (extra or {}).items():
        if value is ABSENT:
            said.pop(name, None)
        else:
            said.setdefault(name, value)
    return said


def changed(said: Mapping[str, Any], extra: Extra | None) -> dict[str, Any]:
    """As `joined`, but what was left wins: it could not be said."""
    return {name: value for name, value in {**said, **(extra or {})}.items() if value is not ABSENT}


def difference(said: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """What `changed` needs to make the node of what is said."""
    kept = {name: value for name, value in node.items() if name not in said or said[name] != value}
    return {**kept, **{name: ABSENT for name in said if name not in node}}


def inner(extra: Extra | None, name: str) -> dict[str, Any]:
    """What was left of the object of this name."""
    return obj((extra or {}).get(name))
