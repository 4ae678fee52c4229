"""Values that an app knows of itself: its customers' names, an account's numbers.

Rule of this module: exact, and no value shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Known:
    """`values` are by their labels, which findings have as their kinds. `reach`: the longest has so many characters."""

    def __init__(self, values: Mapping[str, str | Sequence[str]]) -> None:
        listed = {label: (each,) if isinstance(each, str) else tuple(each) for label, each in values.items()}
        self.values: Mapping[str, tuple[str, ...]] = listed
        self.reach = max((len(each) for some in listed.values() for each in some), default=0)
