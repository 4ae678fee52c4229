"""Files that survive whatever happens while they are written.

Rule of this module: a reader sees the whole old file or the whole new one, and nobody but its owner sees either. What
root writes is the folder's owner's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def write(path: Path, data: bytes) -> None:
    """Write atomically and durably, mode 0600; the folder is made if it is not there. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        if os.geteuid() == 0:  # an administrator at the command line must not lock the gateway out
            owner = path.parent.stat()
            os.fchown(out.fileno(), owner.st_uid, owner.st_gid)
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
    sync(path.parent)


def once(path: Path, data: bytes) -> bytes:
    """What is in the file; that is `data` where it was not there. Of several processes that begin at once all get the
    same. Raises OSError."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        write(draft, data)
        try:
            os.link(draft, path)  # fails where another process was first
            sync(path.parent)  # or a loss of power takes it
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Of several processes that would change what is in the folder one does, and the others wait. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path, adapter: TypeAdapter[T], writer: str, trouble: Callable[[str], Exception]) -> T | None:
    """What the command `writer` wrote there; None where there is no file. Raises `trouble` with why it cannot be
    known, without content."""
    try:
        return adapter.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble(f"`{path}` cannot be read: {error.strerror}") from None
    except ValidationError:
        raise trouble(f"`{path}` is not what `{writer}` writes") from None


def sync(folder: Path) -> None:
    """Have the names in it on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
