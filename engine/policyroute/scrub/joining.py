"""A text put together again of what is left of it.

Rule of this module: what is left is as it was, but for the white space next to what is gone. The same pieces always
make the same text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_WHITE: Final = " \t\r\n"
_CLOSES: Final = frozenset(".,;:!?)")


def joined(stretches: Iterable[str | None]) -> str:
    """`None` is a hole: something is gone there. Two stretches without one between them belong together."""
    said: list[str] = []
    hole = False
    for stretch in stretches:
        if stretch is None:
            hole = True
            continue
        if not stretch:
            continue
        if hole:
            _close(said, stretch)
            hole = stretch.isspace()  # what follows may be gone too
        else:
            said.append(stretch)
    return "".join(said).rstrip(_WHITE) if hole else "".join(said)


def _close(said: list[str], right: str) -> None:
    before = ""
    while said:
        last = said.pop()
        kept = last.rstrip(_WHITE)
        before = last[len(kept) :] + before
        if kept:
            said.append(kept)
            break
    rest = right.lstrip(_WHITE)
    said += (_between(bool(said), before, right[: len(right) - len(rest)], rest), rest)


def _between(kept: bool, before: str, after: str, rest: str) -> str:
    """The larger gap, and the indentation of what follows."""
    if not kept:
        return after.rpartition("\n")[2] if "\n" in after else ""
    if not rest:
        return max(before, after, key=len)
    if "\n" in before or "\n" in after:
        lines = before if before.count("\n") >= after.count("\n") else after
        indented = after if "\n" in after else before
        gap = lines[: lines.rindex("\n") + 1]
        # Where nothing but white space ended a line, what follows begins its own.
        return gap + indented[indented.rindex("\n") + 1 :]
    if rest[0] in _CLOSES:
        return ""
    return before or after
