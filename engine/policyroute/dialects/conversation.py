"""Reading a conversation's body: what the dialects spell alike.

Rule of this module: as in every reader, `check` comes first and types are not doubted.
"""

from __future__ import annotations

from typing import Any

from policyroute.absent import ABSENT, Absent
from policyroute.dialects.shapes import obj, text


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

    def metadata(self, data: dict[str, Any]) -> dict[str, str]:
        return {name: value for name, value in obj(data.get("metadata")).items() if isinstance(value, str)}
