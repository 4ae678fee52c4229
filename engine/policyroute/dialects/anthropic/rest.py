"""Anthropic Messages: what is left of a node of JSON once the fields we have words for are taken, and the node again.

Rule of this module: what was taken and what is left make the node again. Where a name in what is left is `ABSENT`, what
we would write under it was not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.absent import ABSENT
from policyroute.dialects.shapes import obj
from policyroute.request.prompt import Extra


def without(node: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in taken}


def joined(said: dict[str, Any], extra: Extra | None) -> dict[str, Any]:
    """What is said, and what was left. What is said wins: it may have been changed since."""
    for name, value in (extra or {}).items():
        if value is ABSENT:
            said.pop(name, None)
        else:
            said.setdefault(name, value)
    return said


def difference(said: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """What `changed` needs to make the node of what is said."""
    kept = {name: value for name, value in node.items() if name not in said or said[name] != value}
    return {**kept, **{name: ABSENT for name in said if name not in node}}


def changed(said: Mapping[str, Any], extra: Extra | None) -> dict[str, Any]:
    """As `joined`, but what was left wins."""
    return {name: value for name, value in {**said, **(extra or {})}.items() if value is not ABSENT}


def inner(extra: Extra | None, name: str) -> dict[str, Any]:
    """What was left of the object of this name."""
    return obj((extra or {}).get(name))
