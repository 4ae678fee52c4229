"""OpenAI Responses: fields that are taken from a node of JSON, and the `extra` that is left of it.

Rule of this module: what is left and what was taken make the node again. A name in an `extra` that is `ABSENT` was not
there; it is marked only where we would write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.absent import ABSENT
from policyroute.request.prompt import Extra


def without(node: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in taken}


def take_text(rest: dict[str, Any], name: str) -> str:
    """A text that says something, taken; else empty, and whatever stands there is left."""
    value = rest.get(name)
    if isinstance(value, str) and value:
        del rest[name]
        return value
    return ""


def take_flag(rest: dict[str, Any], name: str) -> bool | None:
    value = rest.get(name)
    return rest.pop(name) if value is True or value is False else None


def joined(said: Mapping[str, Any], extra: Extra | None) -> dict[str, Any]:
    """The node again. What was left could not be said: it wins."""
    return {name: value for name, value in {**said, **(extra or {})}.items() if value is not ABSENT}
