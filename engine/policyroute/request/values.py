"""The parts of a request, as values, and what is wrong with one.

Rule of this module: text that may come from a prompt is out of every `repr`, so that no log line can show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Operation(StrEnum):
    """What is asked of a model."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "count_tokens"


class BadRequest(Exception):
    """A client's mistake, told to the client in its own dialect.

    `code` is a stable snake_case slug, `status` the HTTP status, `param` the field at fault (`messages[2].role`).
    """

    def __init__(self, code: str, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.param = param


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls. `role` is `user` or `operator`; `address` the peer's IP address or empty.

    `profiles` and `models` are what it was granted, None being all: profiles by name, targets by globs over their names
    and model ids. They bind whatever rules say, and no rule sees them. `known_values` are what the app knows to be
    personal or secret in what this client says, one text or several by label (`{"customer": ["Ada Lovelace"]}`): rules
    that redact look for them, and nobody else is told of them.
    """

    id: str = "local"
    tenant: str = "local"
    team: str = ""
    tier: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    role: str = "user"
    address: str = ""
    profiles: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    known_values: Mapping[str, str | Sequence[str]] = field(
        default_factory=dict[str, "str | Sequence[str]"], repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` is all its text parts joined by newlines; `role` is system, user, assistant or tool."""

    role: str
    text: str = field(repr=False)
    tool_calls: tuple[ToolCall, ...] = ()
    has_image: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`type` is `text`, `json_object` or `json_schema`; `schema` is the JSON Schema, or empty."""

    type: str
    schema: Mapping[str, Any] = field(repr=False)
