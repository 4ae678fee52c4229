"""What the checker finds: troubles, and the fields an expression reads.

Rule of this module: finding one trouble never stops the search for the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from policyroute.cel.syntax import Node
from policyroute.cel.trouble import Trouble
from policyroute.problems import Severity


@dataclass(slots=True)
class Findings:
    """`reads` are dotted paths of declared fields (`request.model`)."""

    troubles: list[Trouble] = field(default_factory=list[Trouble])
    reads: set[str] = field(default_factory=set[str])

    def error(self, code: str, message: str, node: Node, hint: str | None = None) -> None:
        self._add(Trouble(code, message, node.start, node.end, hint))

    def warning(self, code: str, message: str, node: Node, hint: str | None = None) -> None:
        self._add(Trouble(code, message, node.start, node.end, hint, Severity.WARNING))

    def _add(self, trouble: Trouble) -> None:
        if trouble not in self.troubles:
            self.troubles.append(trouble)

    @property
    def failed(self) -> bool:
        return any(trouble.severity is Severity.ERROR for trouble in self.troubles)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint where a known name is close, whatever its case."""
    by_folded = {each.casefold(): each for each in sorted(known, reverse=True)}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean `{by_folded[close[0]]}`?" if close else None


def listed(names: Iterable[str], limit: int = 12) -> str:
    """The first of the names, for a message."""
    known = sorted(names)
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more
