"""How much a provider may be told: an ordered scale.

Rule of this module: the scale is a type of its own, so that comparing it with a string is decided when a policy is
loaded, not when traffic flows.
"""

from __future__ import annotations

from enum import IntEnum


class Clearance(IntEnum):
    """`public < internal < confidential < secret`. `secret` labels text; no provider has it."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    SECRET = 3

    @classmethod
    def named(cls, name: str) -> Clearance:
        """The clearance with this lower-case name. Raises KeyError for any other name."""
        return _NAMES[name]

    @property
    def label(self) -> str:
        return self.name.lower()


_NAMES = {clearance.label: clearance for clearance in Clearance}
