"""Where records go and with what key: from what a policy says of it to files and secrets that are there.

Rule of this module: settings are plain values, which can be sent to another process; the key is in nobody's repr. What
cannot be had is a problem, so that a gateway which may not serve without records does not start without them.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from policyroute.policy.audits import Audit, To
from policyroute.problems import Problem, Severity
from policyroute_asgi import durably

KEY_FILE: Final = "audit.key"
"""In the state directory: the key where the policy names none."""
_KEY_SIZE: Final = 32
_SHORTEST: Final = 16
"""Characters of a key: who has a record could guess a shorter one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`rotate` is bytes; `keep` files of a process, None for all; `buffer` records that may wait in memory, 0 where an
    attempt waits for its record to be written."""

    directory: Path
    key: bytes = field(repr=False)
    to: To = "jsonl"
    rotate: int = 64 << 20
    keep: int | None = None
    buffer: int = 0


def settled(
    audit: Audit | None, secret: str | None, state_dir: Path | None
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """`secret` is the key that the policy names, None where it names none: then there is one in the state directory,
    which is made if need be. No settings where the policy asks for no records, or one of the problems is an error.
    It reads and writes files: beside the event loop."""
    if audit is None:
        return None, ()
    if state_dir is None and (secret is None or not Path(audit.path).is_absolute()):
        missing = "the audit section writes into the state directory, and there is none"
        hint = "name one (`--state-dir`, `state_dir=`), or give `path: /...` and a `key` in the section"
        return None, (Problem("audit-no-place", missing, audit.span, hint, path="audit"),)
    directory = Path(audit.path) if state_dir is None else state_dir / audit.path
    key = _key(audit, secret, state_dir or directory)
    if isinstance(key, Problem):
        return None, (key,)
    made = Settings(directory, key, audit.to, audit.rotate, audit.keep, audit.buffer)
    try:
        _probe(directory)
    except OSError as error:
        if not audit.buffer:
            return None, (_unwritable(audit, error, directory, Severity.ERROR),)
        return made, (_unwritable(audit, error, directory, Severity.WARNING),)
    return made, ()


def _unwritable(audit: Audit, error: OSError, directory: Path, severity: Severity) -> Problem:
    return Problem(
        code="audit-unwritable",
        message=f"audit records cannot be written to `{error.filename or directory}`: {error.strerror or error}",
        span=audit.span,
        hint="make the directory writable, and have room on its disk",
        path="audit",
        severity=severity,
    )


def _key(audit: Audit, secret: str | None, state_dir: Path) -> bytes | Problem:
    if secret is None:
        made = base64.b64encode(os.urandom(_KEY_SIZE)) + b"\n"
        try:
            key = durably.once(state_dir / KEY_FILE, made).strip()
        except OSError as error:
            return _unwritable(audit, error, state_dir, Severity.ERROR)
    else:
        key = secret.encode()
    if len(key) >= _SHORTEST:
        return key
    short = f"the audit key has less than {_SHORTEST} characters: what records hide could be found by guessing"
    return Problem("audit-short-key", short, audit.span, "`openssl rand -base64 32` makes one", path="audit.key")


def _probe(directory: Path) -> None:
    """Whether something can be made there. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, "permission denied", str(directory))
