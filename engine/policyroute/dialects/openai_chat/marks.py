"""OpenAI Chat Completions: fields that are taken from a node of JSON, and the `extra` that is left of it.

Rule of this module: what is left and what was taken make the node again. An `extra` may name a field of ours `ABSENT`:
what we would write under that name came under another, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.shapes import obj
from policyroute.request.prompt import Extra


def take_text(rest: dict[str, Any], name: str) -> str:
    """A text that says something, taken; else empty, and whatever stands there is left."""
    value = rest.get(name)
    if isinstance(value, str) and value:
        del rest[name]
        return value
    return ""


def take_type(rest: dict[str, Any], wanted: str) -> bool:
    """Whether the node is of this type, which many leave out where there is but one."""
    if "type" not in rest:
        rest["type"] = ABSENT
        return True
    if rest["type"] == wanted:
        del rest["type"]
        return True
    return False


def nested(rest: dict[str, Any], name: str, inner: dict[str, Any]) -> None:
    """What is left of an object inside of a node is left under its name, if anything is."""
    rest.pop(name, None)
    if inner:
        rest[name] = inner


def joined(said: dict[str, Any], extra: Extra | None) -> dict[str, Any]:
    """A node of what is said and what was left. What is said wins: it may have been changed since."""
    for name, value in (extra or {}).items():
        if value is ABSENT:
            said.pop(name, None)
        else:
            said.setdefault(name, value)
    return said


def inner(extra: Extra | None, name: str) -> Mapping[str, Any]:
    """What was left of the object of this name."""
    return obj((extra or {}).get(name))
