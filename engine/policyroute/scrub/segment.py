"""One string of a prompt: where it stands, whose it is, and how secret.

Rule of this module: values. A text may come from a prompt, so that none shows itself in a `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from policyroute.clearance import Clearance

Role = Literal["system", "user", "assistant", "tool", "request"]
"""Who says it; `tool` is what a call gave, `request` whatever stands outside of the conversation."""

Origin = Literal["client", "tool", "model", "gateway"]

Kind = Literal[
    "text",
    "refusal",
    "reasoning",
    "arguments",
    "result",
    "file",
    "file_name",
    "url",
    "tool_name",
    "tool_description",
    "parameter_name",
    "parameter_doc",
    "parameter_value",
    "schema_name",
    "schema_doc",
    "schema_value",
    "metadata",
    "stop",
    "user_id",
    "id",
    "word",
    "other",
]
"""What a string is. `parameter_*` are of a tool's schema, `schema_*` of the one that the answer has to fit; a value is
one of `default`, `examples`, `enum` and `const`. `word`: one of a dialect's own, such as a type. `other`: what only one
dialect has words for."""

ROLES: Final[tuple[str, ...]] = get_args(Role)
KINDS: Final[tuple[str, ...]] = get_args(Kind)

GATEWAYS: Final = "[gateway:"
"""What a gateway tells a model of itself begins so; it may have in it what models said."""
_AUTHORED: Final = frozenset({"tool_description", "parameter_doc", "parameter_value", "schema_doc", "schema_value"})
OPEN: Final = frozenset({"id", "word"})
"""Kinds that say nothing of anybody: public where nobody says otherwise."""


@dataclass(slots=True, repr=False)
class Segment:
    """`path` is in the terms of `Prompt` (`turns[2].parts[0].text`). `name`: the tool's whose it is, or empty.
    `metadata`: what its message says of itself, over what the request says. `label` is that of the defaults, once
    somebody has read it."""

    path: str
    role: Role
    kind: Kind
    text: str
    origin: Origin = "client"
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    label: Clearance = Clearance.INTERNAL

    @property
    def trusted(self) -> bool:
        """Whether the author of the application wrote it, so that tags in it count."""
        return self.role == "system" or self.kind in _AUTHORED

    @property
    def authors(self) -> bool:
        """Whether nobody else wrote any of it, so that what goes of it may be said by anybody."""
        return self.trusted and GATEWAYS not in self.text
