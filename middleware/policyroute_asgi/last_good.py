"""The last policy that worked, on disk: sources and revision, so that a restart with a broken directory still serves.

Rule of this module: a reader sees the whole old file or the whole new one, and nobody but its owner sees either.
Policies name secrets and never hold them, so none is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter

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
    """Write atomically and durably, mode 0600. Raises OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = state_dir / f".{NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(_JSON.dump_json(good))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(state_dir / NAME)
    folder = os.open(state_dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(state_dir: Path) -> LastGood | None:
    """What `save` wrote; None where there is nothing, or nothing that can be read."""
    try:
        return _JSON.validate_json((state_dir / NAME).read_bytes())
    except (OSError, ValueError):
        return None
