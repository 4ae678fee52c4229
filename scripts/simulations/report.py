"""What was promised, what was counted, and whether it held, as a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """`held` None: it is told only."""

    who: str
    what: str
    counted: str
    held: bool | None = None


def table(title: str, promises: list[Promise]) -> str:
    lines = [f"## {title}", "", "| who | what | counted | held |", "|---|---|---|---|"]
    for each in promises:
        held = "" if each.held is None else "yes" if each.held else "**no**"
        lines.append(f"| {each.who} | {each.what} | {each.counted} | {held} |")
    return "\n".join(lines) + "\n"


def all_held(promises: list[Promise]) -> bool:
    return all(each.held is not False for each in promises)
