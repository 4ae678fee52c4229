"""An operator's overrides, on disk: `policyroute override` writes them, gateways on the state directory read them.

Rule of this module: one override a name, the last one. A file that cannot be read is trouble, never an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from policyroute.decide.overrides import Override
from policyroute.problems import Problem
from policyroute_asgi import durably

NAME: Final = "overrides.json"
LONGEST_REASON: Final = 200
"""Characters."""
LONGEST: Final = 30 * 86_400.0
"""Seconds that one may last: what is to hold for longer is policy."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


@dataclass(frozen=True, slots=True)
class _Row:
    name: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
    action: Literal["use", "drain"]
    reason: Annotated[str, Field(max_length=LONGEST_REASON), AfterValidator(_printable)]
    since: Annotated[float, Field(allow_inf_nan=False)]
    until: Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class _File:
    overrides: tuple[_Row, ...]
    format: Literal[1] = 1


_JSON: Final = TypeAdapter(_File)
_MEND: Final = "make it readable, or move it away and say again what is to hold: `policyroute override use | drain`"


class OverridesError(Exception):
    """The file is there and cannot be read. The message says why."""

    @property
    def advice(self) -> str:
        """Why, and what to do about it."""
        return f"{self}: {_MEND}"


def load(state_dir: Path) -> tuple[Override, ...] | None:
    """What is written there, also what has ended; None where there is no file. Raises OverridesError."""
    found = durably.read(state_dir / NAME, _JSON, "policyroute override", OverridesError)
    if found is None:
        return None
    return tuple(Override(row.name, row.action, row.reason, row.since, row.until) for row in found.overrides)


def put(state_dir: Path, new: Override) -> None:
    """This one holds from now on, whatever held of its name before; what has ended is no longer kept.

    Raises OverridesError, and OSError where nothing can be written.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def with_it(known: tuple[Override, ...]) -> tuple[Override, ...]:
        return (*[each for each in known if each.name != new.name and each.until > new.since], new)

    _change(state_dir, with_it)


def clear(state_dir: Path, name: str | None, now: float) -> tuple[Override, ...]:
    """Take that of this name back, None: all. Returns those that were in force. Raises OverridesError and OSError."""
    taken: list[Override] = []

    def without(known: tuple[Override, ...]) -> tuple[Override, ...]:
        alive = [each for each in known if each.until > now]
        taken.extend(each for each in alive if name in (None, each.name))
        return tuple(each for each in alive if each not in taken)

    _change(state_dir, without)
    return tuple(taken)


def _change(state_dir: Path, change: Callable[[tuple[Override, ...]], tuple[Override, ...]]) -> None:
    """Two that say something at once must not undo each other."""
    with durably.alone(state_dir):
        rows = tuple(
            _Row(each.name, each.action, each.reason, each.since, each.until) for each in change(_all(state_dir))
        )
        durably.write(state_dir / NAME, _JSON.dump_json(_File(rows)))


def _all(state_dir: Path) -> tuple[Override, ...]:
    return load(state_dir) or ()


def trouble(error: OverridesError) -> Problem:
    """What a gateway says of it: what it knew before goes on."""
    return Problem(
        code="overrides-unreadable",
        message=f"which overrides are in force cannot be known, what was known before goes on: {error}",
        hint=_MEND,
    )


def lost(state_dir: Path, count: int) -> Problem:
    """What a gateway says of overrides that it knows and whose file is gone."""
    return Problem(
        code="overrides-lost",
        message=f"`{state_dir / NAME}` is gone: this process goes on with what it knows ({count} in force) until that"
        " ends, the next one would not know of it",
        hint="`policyroute override clear` ends them; say again what is to hold",
    )
