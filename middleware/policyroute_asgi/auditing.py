"""From what a policy says of auditing to the place and the key that records are written with.

Rule of this module: it runs where policies are made ready, beside the event loop. What cannot be had is a problem, so
that a gateway which may not serve without records does not start without them.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from policyroute.policy.audits import Audit
from policyroute.problems import Problem, Severity
from policyroute_asgi import durably
from policyroute_asgi.audit.settings import KEY_FILE, Settings

_KEY_SIZE: Final = 32
_SHORTEST: Final = 16
"""Characters of a key: who has a record could guess a shorter one."""


def settled(
    audit: Audit | None, secret: str | None, state_dir: Path | None
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """`secret` is the key that the policy names, None where it names none: then there is one in the state directory,
    which is made if need be. No settings where the policy asks for no records, or one of the problems is an error."""
    if audit is None:
        return None, ()
    if state_dir is None and (secret is None or not Path(audit.path).is_absolute()):
        missing = "the audit section writes into the state directory, and there is none"
        hint = "name one (`--state-dir`, `state_dir=`), or give `path: /...` and a `key` in the section"
        return None, (Problem("audit-no-place", missing, audit.span, hint, path="audit"),)
    directory = Path(audit.path) if state_dir is None else state_dir / audit.path
    try:
        key = secret.encode() if secret is not None else _key(state_dir or directory)
        _probe(directory)
    except OSError as error:
        problem = Problem(
            code="audit-unwritable",
            message=f"audit records cannot be written to `{error.filename or directory}`: {error.strerror or error}",
            span=audit.span,
            hint="make the directory writable, and have room on its disk",
            path="audit",
            severity=Severity.WARNING if audit.buffer else Severity.ERROR,
        )
        # Without a key of its own there is nothing to write with, however patient the policy is.
        if not audit.buffer or secret is None:
            return None, (problem,)
        return _settings(audit, directory, secret.encode()), (problem,)
    if len(key) < _SHORTEST:
        short = f"the audit key has less than {_SHORTEST} characters: what records hide could be found by guessing"
        hint = "`openssl rand -base64 32` makes one"
        return None, (Problem("audit-short-key", short, audit.span, hint, path="audit.key"),)
    return _settings(audit, directory, key), ()


def _settings(audit: Audit, directory: Path, key: bytes) -> Settings:
    return Settings(directory, key, audit.to, audit.rotate, audit.keep, audit.buffer)


def _key(state_dir: Path) -> bytes:
    made = base64.b64encode(os.urandom(_KEY_SIZE)) + b"\n"
    return durably.once(state_dir / KEY_FILE, made).strip()


def _probe(directory: Path) -> None:
    """Whether something can be made there. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, "permission denied", str(directory))
