"""What crossed to whom in one attempt: who asked, from where to where and why, how much, and what stayed behind.

Rule of this module: names, numbers, codes and marks. No text of a prompt or an answer, and no value of a person's, ever
comes into a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

VERSION: Final = 1

Phase = Literal["first", "before_first_byte", "mid_stream"]
"""Whether somebody was asked before, and whether the client has seen something of that."""
Outcome = Literal["forwarded", "refused", "next_candidate"]


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that holds the conversation's context. `clearance` is a label: `public`, `internal`, ..."""

    provider: str
    region: str
    clearance: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom an attempt is for."""

    target: str
    provider: str
    model: str
    region: str
    clearance: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why there is an attempt after another: the failure's kind, the HTTP status and the provider's code, if any."""

    kind: str
    status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """`tokens` is an estimate."""

    bytes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Volume:
    """How much of a prompt there is, in all and by whose it is and how secret."""

    bytes: int
    tokens: int
    by_role: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    by_label: Mapping[str, Amount] = field(default_factory=dict[str, Amount])


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece that did not go as it was. `rule` is the rule or selector that says so, `kind` what the piece is,
    `action` what was done (`dropped`, `replaced`, `pseudonymised`, `fallback`, `public`); bytes before and after;
    `mark` stands for its text."""

    rule: str
    kind: str
    label: str
    action: str
    bytes_in: int
    bytes_out: int
    mark: str


@dataclass(frozen=True, slots=True)
class Assertion:
    name: str
    ok: bool


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One attempt, as it was about to be made.

    `time` is seconds since 1970; `conversation` and `body` are marks; `sender` (`from` in JSON) is who held the context
    last, None where nobody did; `cause` is of the attempt before. `before` is what the request says, `after` what is
    left of it for this provider. `redactions` and `secrets` count what was found by kind, `pseudonyms` the tokens that
    stand for values. `refusal` is the code where nothing was sent; `wire_bytes` the exact length of the body that was.
    `exposure`: bytes of this conversation that each account (a provider's name) has been sent in all, by label.
    """

    id: str
    time: float
    tenant: str
    client: str
    request_id: str
    decision_id: str
    conversation: str | None
    attempt: int
    sender: Annotated[Holder | None, Field(alias="from")]
    to: Receiver
    boundary: bool
    phase: Phase
    before: Volume
    after: Volume
    decision: Outcome
    revision: str
    cause: Cause | None = None
    cuts: tuple[Cut, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict[str, int])
    secrets: Mapping[str, int] = field(default_factory=dict[str, int])
    pseudonyms: int = 0
    assertions: tuple[Assertion, ...] = ()
    refusal: str | None = None
    wire_bytes: int | None = None
    body: str | None = None
    exposure: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    v: int = VERSION

    def as_json(self) -> dict[str, Any]:
        written: dict[str, Any] = _json().dump_python(self, mode="json", by_alias=True)
        return written

    @classmethod
    def of_json(cls, value: object) -> Self:
        """What `as_json` gave. What a later release says beside is left out. Raises ValueError for what is no
        record."""
        try:
            read: Any = _json().validate_python(value)
        except ValidationError as error:
            raise ValueError(f"no audit record: {error.error_count()} of its fields make no sense") from None
        known: Self = read
        return known


@cache
def _json() -> TypeAdapter[AuditRecord]:
    """Made where records are: a megabyte that most gateways need not."""
    return TypeAdapter(AuditRecord)
