"""How large and how deep a schema may be that is rewritten, and the way through one.

Rule of this module: whatever a client sends, the work is bounded and nothing recurses without an end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.schemas.vocabulary import is_list, is_map

MAX_VALUES: Final = 20_000
"""Values in a schema, and in what becomes of it."""
MAX_DEPTH: Final = 100
"""Levels of JSON in a schema."""
MAX_NODES_DEEP: Final = 64
"""Schemas within each other on the way to one, through references too."""


class TooLarge(Exception):
    """More than is worked on."""


class TooDeep(Exception):
    """Deeper than is worked on."""


def measured(document: Any) -> None:
    """Raises TooDeep or TooLarge."""
    level: list[Any] = [document]
    count = depth = 0
    while level:
        count += len(level)
        depth += 1
        if depth > MAX_DEPTH:
            raise TooDeep
        if count > MAX_VALUES:
            raise TooLarge
        inner: list[Any] = []
        for value in level:
            if is_map(value):
                inner.extend(value.values())
            elif is_list(value):
                inner.extend(value)
        level = inner


@dataclass(frozen=True, slots=True)
class Way:
    """Where a walk through a schema is: how deep, and which references it has gone through on its way."""

    through: frozenset[str] = field(default_factory=frozenset[str])
    depth: int = 0

    def down(self, reference: str | None = None) -> Way:
        if self.depth >= MAX_NODES_DEEP:
            raise TooDeep
        return Way(self.through if reference is None else self.through | {reference}, self.depth + 1)
