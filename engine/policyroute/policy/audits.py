"""The section `audit:`: where the records of what crosses go, and what is done where they cannot be written.

Rule of this module: whoever writes the section is audited, or is refused; no word of it is left out in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from policyroute.policy.accounts import SecretRef
from policyroute.policy.spelling import FilePath, SecretReference, Strict, wrong
from policyroute.problems import Span

_UNITS: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"([1-9][0-9]{0,5})(KiB|MiB|GiB)")
_SMALLEST: Final = 16 << 10


def _size(value: Any) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong("wrong-value", "not a size", "a number with its unit: 512KiB, 64MiB, 1GiB")
    size = int(found[1]) * _UNITS[found[2]]
    if size < _SMALLEST:
        raise wrong("wrong-value", "a file of this size holds hardly a record", "16KiB or more")
    return size


Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": f"^{_SIZE.pattern}$", "description": "512KiB, 64MiB, 1GiB"}),
]
"""Bytes."""

To = Literal["jsonl", "sqlite"]
OnFailure = Literal["fail_closed", "buffer"]


class AuditMap(Strict):
    """Where records go, and what is done where they cannot be written."""

    to: Annotated[To, Field(description="files of JSON lines, or one of SQLite")] = "jsonl"
    path: Annotated[FilePath, Field(description="a directory, in the state directory unless it begins with /")] = (
        "audit"
    )
    rotate: Annotated[Size, Field(description="a file that is as large is followed by a new one")] | None = None
    keep: (
        Annotated[int, Field(ge=2, le=100_000, description="files of a process; without it none is deleted")] | None
    ) = None
    on_failure: Annotated[
        OnFailure, Field(description="refuse what cannot be recorded, or hold records in memory for a while")
    ] = "fail_closed"
    buffer: (
        Annotated[int, Field(ge=1, le=1_000_000, description="records that may wait in memory; then refused")] | None
    ) = None
    key: Annotated[SecretReference, Field(description="for seals and marks; without it one is made")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.to == "sqlite" and (self.rotate is not None or self.keep is not None):
            raise wrong("wrong-value", "only files of JSON lines are rotated", "leave out `rotate` and `keep`")
        if self.buffer is not None and self.on_failure != "buffer":
            raise wrong("wrong-value", "nothing is held in memory here", "write `on_failure: buffer`")
        return self


AuditSpec = Annotated[
    Annotated[OnFailure, Tag("word")] | Annotated[AuditMap, Tag("map")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "map"),
]
"""The section: a map, or its `on_failure` alone."""


ROTATE: Final = 64 << 20
BUFFER: Final = 10_000
"""Bytes of a file, and records that may wait, where the policy does not say."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the section says. `path` is as written; `rotate` bytes; `keep` files, None for all; `buffer` is how many
    records may wait in memory, 0 where none may: then an attempt waits for its record. `key` is None where the gateway
    makes one."""

    to: To = "jsonl"
    path: str = "audit"
    rotate: int = ROTATE
    keep: int | None = None
    buffer: int = 0
    key: SecretRef | None = None
    span: Span | None = None

    @classmethod
    def of(cls, spec: AuditMap | OnFailure, span: Span | None = None) -> Self:
        if isinstance(spec, str):
            spec = AuditMap(on_failure=spec)
        waiting = (spec.buffer or BUFFER) if spec.on_failure == "buffer" else 0
        key = spec.key.place if spec.key is not None else None
        return cls(spec.to, spec.path, spec.rotate or ROTATE, spec.keep, waiting, key, span)
