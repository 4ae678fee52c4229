"""A schema that is said in words which are not JSON Schema's.

Rule of this module: whoever changes such a schema makes a dict that has no such words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Told(dict[str, Any]):
    """A schema as JSON Schema, with the words it came in or is to be sent in."""

    __slots__ = ("words",)

    def __init__(self, schema: Mapping[str, Any], words: dict[str, Any]) -> None:
        super().__init__(schema)
        self.words = words
