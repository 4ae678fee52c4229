"""What an author says of texts: how secret they are, and whether the conversation needs them.

Rule of this module: values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from policyroute.clearance import Clearance


@dataclass(frozen=True, slots=True)
class Selector:
    """`label` None says nothing of how secret a text is, `required` None nothing of whether it is needed."""

    id: str
    label: Clearance | None = None
    required: bool | None = None
    action: str = "drop"
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """`defaults`: labels by kind or role, for what no selector labels; what they label stays required."""

    name: str
    selectors: tuple[Selector, ...] = ()
    defaults: Mapping[str, Clearance] = field(default_factory=dict[str, Clearance])


DEFAULT: Final = Profile("default")
"""What ships."""
