"""What an embedded test says was observed, as a decision reads it.

Rule of this module: values in, values out. What cannot be read raises ValueError.
"""

from __future__ import annotations

from policyroute.cel.values import Timestamp
from policyroute.decide.state import Health
from policyroute.policy.cases import GivenHealth


def health_of(given: GivenHealth) -> Health:
    """Raises ValueError where `open_until` is no moment."""
    until = given.open_until
    return Health(given.state, given.error_rate, None if until is None else seconds(until))


def seconds(written: str) -> float:
    """Of a moment in RFC 3339, since 1970. Raises ValueError."""
    return Timestamp.parse(written).utc().timestamp()
