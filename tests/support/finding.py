"""A detector as plain as can be, for what is done with what one finds: addresses, cards, and an app's own values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policyroute.exhausted import Exhausted
from policyroute.redact.findings import Finding
from policyroute.redact.known import Known
from policyroute.redact.work import Steps

PATTERNS = {
    "email": r"[A-Za-z0-9._+-]{1,40}@[A-Za-z0-9-]{1,40}(?:\.[A-Za-z0-9-]{1,20}){1,3}",
    "card": r"\b[0-9]{4}(?:[ -]?[0-9]{4}){3}\b",
    "account": r"\bAC-[0-9]{6}\b",
}


class Plain:
    """Finds by patterns, the first that matches anywhere. `endless`: a text that has it cannot be looked through."""

    def __init__(self, *kinds: str, reach: int = 140, endless: str = "ENDLESS") -> None:
        self.reach = reach
        self._patterns = {kind: re.compile(PATTERNS[kind]) for kind in kinds or PATTERNS}
        self._endless = endless

    def find(self, text: str, known: Known | None = None) -> list[Finding]:
        if self._endless in text:
            raise Exhausted
        found = [
            Finding(match.start(), match.end(), kind)
            for kind, pattern in self._patterns.items()
            for match in pattern.finditer(text)
        ]
        if known is not None:
            found += [Finding(start, end, label) for start, end, label in known.find(text, Steps())]
        return _apart(sorted(found, key=lambda finding: (finding.start, -finding.end)))

    def settled(self, text: str, found: Sequence[Finding], known: Known | None = None) -> int:
        at = max(0, len(text) - self.reach)
        return min((finding.start for finding in found if finding.start < at < finding.end), default=at)


def _apart(found: list[Finding]) -> list[Finding]:
    """Of the first's kind, all that overlaps."""
    kept: list[Finding] = []
    for finding in found:
        if kept and finding.start < kept[-1].end:
            kept[-1] = Finding(kept[-1].start, max(kept[-1].end, finding.end), kept[-1].kind)
        else:
            kept.append(finding)
    return kept
