"""The keys that were revoked, on disk: `client revoke` writes them, every gateway on the state directory reads them.

Rule of this module: what was revoked stays revoked. A file that cannot be read is trouble, never an empty list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from policyroute.problems import Problem
from policyroute_asgi import durably

NAME: Final = "revoked.json"


@dataclass(frozen=True, slots=True)
class Revocation:
    """`key_sha256` is hex, `client` whose key it was (empty: not known), `at` seconds since 1970."""

    key_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    client: str
    at: float


@dataclass(frozen=True, slots=True)
class _File:
    keys: tuple[Revocation, ...]
    format: Literal[1] = 1


_JSON: Final = TypeAdapter(_File)


_MEND: Final = (
    "make it readable or put it back from a copy. Without one, take the keys that were revoked out of the policy's"
    " `clients` before you move it away: any other that was in it would be let in again"
)


class RevocationsError(Exception):
    """The file is there and cannot be read. The message says why, without content."""

    @property
    def advice(self) -> str:
        """Why, and what to do about it."""
        return f"{self}: {_MEND}"


def load(state_dir: Path) -> tuple[Revocation, ...]:
    """Every key that was revoked; none where there is no file. Raises RevocationsError."""
    found = durably.read(state_dir / NAME, _JSON, "policyroute client revoke", RevocationsError)
    return found.keys if found is not None else ()


def add(state_dir: Path, new: Iterable[Revocation]) -> tuple[Revocation, ...]:
    """Add these keys; those that are there already stay as they are. Returns what was added.

    Raises RevocationsError, and OSError where nothing can be written.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with durably.alone(state_dir):  # two that revoke at once must not undo each other
        known = load(state_dir)
        there = {each.key_sha256 for each in known}
        added = tuple(each for each in new if each.key_sha256 not in there)
        if added:
            durably.write(state_dir / NAME, _JSON.dump_json(_File((*known, *added))))
    return added


def trouble(error: RevocationsError) -> Problem:
    """What a gateway says of it."""
    return Problem(
        code="revocations-unreadable",
        message=f"which keys were revoked cannot be known: {error}",
        hint=_MEND,
    )


def lost(state_dir: Path, count: int) -> Problem:
    """What a gateway says of keys that it knows to be revoked and that are no longer in the file."""
    return Problem(
        code="revocations-lost",
        message=f"`{state_dir / NAME}` no longer has {count} of the keys that were revoked: this process refuses them,"
        " the next one would not",
        hint="put the file back from a copy, or revoke them again",
    )
