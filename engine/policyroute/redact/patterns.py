"""Patterns of an author's own.

Rule of this module: RE2 runs them, and nothing else does.
"""

from __future__ import annotations

from typing import Any

import re2 as untyped_re2  # type: ignore[import-untyped]

_re2: Any = untyped_re2


def rejected(pattern: str) -> str | None:
    """Why the pattern cannot be used; None where it can."""
    options = _re2.Options()
    options.log_errors = False
    try:
        _re2.compile(pattern, options)
    except _re2.error as error:
        return str(error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0])
    return None
