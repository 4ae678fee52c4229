"""A client's request, in no provider's words.

`ModelRequest` keeps the original bytes for lossless passthrough and reads everything else lazily through the dialect it
came in. Rule of this module: a request never changes; adaptation makes new bytes, never a new truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls. `role` is `user` or `operator`; `address` the peer's IP address or empty."""

    id: str = "local"
    tenant: str = "local"
    team: str = ""
    tier: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    role: str = "user"
    address: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` is all its text parts joined by newlines."""

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    has_image: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`type` is `text`, `json_object` or `json_schema`; `schema` is the JSON Schema, or empty."""

    type: str
    schema: Mapping[str, Any]
