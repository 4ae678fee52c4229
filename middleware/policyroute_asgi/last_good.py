"""The last policy that worked, on disk: sources and revision, so that a restart with a broken directory still serves.

Rule of this module: a reader sees the whole old file or the whole new one, and nobody but its owner sees either.
Policies name secrets and never hold them, so none is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "last-good.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class LastGood:
    """`files` maps file name to text; `saved` is seconds since 1970."""

    revision: str
    saved: float
    files: Mapping[str, str]


def save(state_dir: Path, good: LastGood) -> None:
    """Write atomically and durably, mode 0600. Raises OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"format": _FORMAT, "revision": good.revision, "saved": good.saved, "files": dict(good.files)})
    draft = state_dir / f".{NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
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
        data = json.loads((state_dir / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _read(data)


def _read(data: Any) -> LastGood | None:
    match data:
        case {"format": 1, "revision": str(revision), "saved": int() | float() as saved, "files": dict(files)}:
            return LastGood(revision, float(saved), {str(name): str(text) for name, text in files.items()})
        case _:
            return None
