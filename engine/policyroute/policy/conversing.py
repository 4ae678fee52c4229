"""The effects `session` and `divergence` as they are written.

Rule of this module: shapes and ranges only, as in `policy.effects`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policyroute.divergence import ReactionKind
from policyroute.policy.names import spelled
from policyroute.policy.spelling import Cel, Delay, Duration, Strict


class SessionSpec(Strict):
    """How a conversation is held. It keeps what its first request was given."""

    key: Annotated[Cel | None, Field(description="which conversation a request belongs to, a text")] = None
    pin: Annotated[bool | None, Field(description="it stays with the target that first answered")] = None
    max_wait: Annotated[
        Delay | None, Field(description="at most, for a pinned target that says when it will be ready")
    ] = None
    back: bool | None = Field(None, alias="return", description="once its first target is well again, it goes back")
    ttl: Annotated[Duration | None, Field(description="how long it is remembered after its last request")] = None


Word = Annotated[str, spelled(r"^[a-z0-9]+$", "a-z and 0-9", 64)]


class DivergenceSpec(Strict):
    """What is done where an agent goes round in circles."""

    react: Annotated[
        list[ReactionKind] | None,
        Field(max_length=16, description="the first time, the second, ...; [] watches nothing"),
    ] = None
    repeats: Annotated[int | None, Field(ge=2, le=100, description="so many calls that are the same are a loop")] = None
    polling: Annotated[
        list[Word] | None, Field(max_length=64, description="words in the names of tools that may be called more often")
    ] = None
