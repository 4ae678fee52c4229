"""How a prompt is taken apart and what of it may cross: a profile.

Rule of this module: values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """A named one of the section `scrub`, or the shipped one."""

    name: str


DEFAULT: Final = Profile("default")
"""The one that ships."""
