"""Moments as people write them.

Rule of this module: what has no zone is UTC, as the log is.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from policyroute_asgi.cli import durations


def moment(text: str) -> float:
    """Epoch seconds: of a date, of a date and time, or of as long ago as a duration says."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return time.time() - _ago(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _ago(text: str) -> float:
    found = durations.seconds(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: 2026-03-01, 2026-03-01T12:00:00Z, 24h")
    return found
