"""Whether a body may have anything in it that a profile acts on, at a glance.

Rule of this module: it may say yes for nothing, never no for something.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policyroute.clearance import Clearance
from policyroute.scrub.profile import DEFAULT, Gate, Profile

_MAY_HIDE: Final = (b"\\u", b"&", b"\\x", b"%3")
"""How letters may be written otherwise than they are."""


def glance(body: bytes, profiles: Iterable[Profile] = (DEFAULT,), gate: Gate | None = None) -> bool:
    """False: for every receiver, or for that of `gate`, scrubbing would give back the very prompt that is read from
    this body."""
    if gate is not None and gate.clearance < Clearance.INTERNAL:
        return True
    tags: set[str] = set()
    for profile in profiles:
        if not _by_tags_alone(profile):
            return True
        tags |= profile.tags
    if not tags:
        return False
    if not body.isascii() or any(mark in body for mark in _MAY_HIDE):
        return True
    said = body.lower()
    return b"<" in said and any(tag.encode() in said for tag in tags)


def _by_tags_alone(profile: Profile) -> bool:
    """What asserts something has to be looked into in any case."""
    asserted = profile.assertions
    return (
        all(selector.tag for selector in profile.selectors)
        and not profile.defaults
        and not profile.canaries
        and not asserted.must_drop
        and asserted.max_forward_bytes is None
    )
