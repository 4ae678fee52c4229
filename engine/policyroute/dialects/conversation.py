"""Reading a conversation's body: what the dialects spell alike.

Rule of this module: as in every reader, `check` comes first and types are not doubted.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.shapes import obj, text


def up_to(most: int, found: Iterable[bool]) -> int:
    """How many are true, counted up to `most`."""
    return sum(islice(filter(None, found), most))


class ConversationRequests:
    """What a `RequestReader` of a conversation may build on. Has no state."""

    def model(self, data: dict[str, Any], path: str) -> str:
        return text(data["model"])

    def stream(self, data: dict[str, Any], path: str) -> bool:
        return data.get("stream") is True

    def temperature(self, data: dict[str, Any]) -> float | Absent:
        value = data.get("temperature")
        return ABSENT if value is None else float(value)

    def kept(self, data: dict[str, Any]) -> str:
        return ""

    def session(self, data: dict[str, Any]) -> str:
        return ""

    def steps(self, data: dict[str, Any], most: int) -> int:
        return up_to(most, (turn["role"] == "assistant" for turn in data["messages"]))

    def metadata(self, data: dict[str, Any]) -> dict[str, str]:
        return {name: value for name, value in obj(data.get("metadata")).items() if isinstance(value, str)}
