"""The section `scrub`: profiles that rules can use.

Rule of this module: shapes, and what they come to.
"""

from __future__ import annotations

from policyroute.policy.spelling import Strict
from policyroute.scrub.profile import Profile


class ScrubSpec(Strict):
    """How prompts are taken apart, and what of them may cross."""


def profile(name: str, spec: ScrubSpec) -> Profile:
    """What a declared profile comes to."""
    return Profile(name)
