"""Durations on the command line, spelled as in policies.

Rule of this module: what is none is None; whoever asked says what it should have been.
"""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter, ValidationError

from policyroute.policy.spelling import Duration

_SECONDS: Final[TypeAdapter[float]] = TypeAdapter(Duration)


def seconds(text: str) -> float | None:
    """Of `30m`, `2h`: more than zero."""
    try:
        return _SECONDS.validate_python(text)
    except ValidationError:
        return None
