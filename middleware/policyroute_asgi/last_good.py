"""The last policy that worked, on disk: sources and revision, so that a restart with a broken directory still serves.

Rule of this module: what is kept is what was served. Policies name secrets and never hold them, so none is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter

from policyroute_asgi import durably

NAME: Final = "last-good.json"


@dataclass(frozen=True, slots=True)
class LastGood:
    """`files` maps file name to text; `saved` is seconds since 1970; `format` is of the file it is kept in."""

    revision: str
    saved: float
    files: Mapping[str, str]
    format: Literal[1] = 1


_JSON: Final = TypeAdapter(LastGood)


def save(state_dir: Path, good: LastGood) -> None:
    """Write atomically and durably. Raises OSError."""
    durably.write(state_dir / NAME, _JSON.dump_json(good))


def load(state_dir: Path) -> LastGood | None:
    """What `save` wrote; None where there is nothing, or nothing that can be read."""
    try:
        return _JSON.validate_json((state_dir / NAME).read_bytes())
    except (OSError, ValueError):
        return None
