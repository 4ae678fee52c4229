"""Changing texts of a conversation, as every dialect does it.

Rule of this module: nothing given is changed.
"""

from __future__ import annotations

from typing import Any

from policyroute.dialects.shapes import items


def added(content: Any, said: str, *, before: bool) -> Any:
    """Content, a text or an array of parts, with one more text at its beginning or end."""
    if isinstance(content, list):
        part = {"type": "text", "text": said}
        return [part, *items(content)] if before else [*items(content), part]
    if content:
        return f"{said}\n\n{content}" if before else f"{content}\n\n{said}"
    return said
