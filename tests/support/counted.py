"""How much recorded traffic was tried, and with what outcome: told at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping

COUNTED: dict[str, dict[str, int]] = {}
"""By what was tried."""


def counted(what: str, counts: Mapping[str, int]) -> None:
    COUNTED[what] = {name: count for name, count in counts.items() if count}


def told() -> list[str]:
    """A line each."""
    return [
        f"{what}: {', '.join(f'{name} {count}' for name, count in COUNTED[what].items())}" for what in sorted(COUNTED)
    ]
