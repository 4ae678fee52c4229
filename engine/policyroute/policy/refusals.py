"""Phrases that an answer begins with where the model refuses in plain text: from what is written to a matcher.

Rule of this module: a phrase that every answer would begin with does not load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policyroute.cel.patterns import Opening, PatternError, compile_opening
from policyroute.policy import symbols
from policyroute.policy.document import PatternSpec
from policyroute.policy.openings import MARKS, Refusals, folded
from policyroute.policy.reading import Loaded
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, dotted

_HINT: Final = "write how a refusal begins"


def refusals(files: Sequence[Loaded], report: Report) -> Refusals | None:
    """The phrases of the set; None where no file has any."""
    loaded = symbols.only("refusals", files, report)
    if loaded is None or loaded.document.refusals is None:
        return None
    phrases: dict[str, None] = {}
    patterns: list[Opening] = []
    for index, written in enumerate(loaded.document.refusals.phrases):
        path: Path = ("refusals", "phrases", index)
        if isinstance(written, PatternSpec):
            patterns.extend(_pattern(written.re, loaded.file, (*path, "re"), report))
            continue
        phrase, span = folded(written.lstrip(MARKS)), loaded.file.span(path)
        if not phrase:
            message = "this phrase has no words: every answer would begin with it"
            report.error("bad-phrase", message, span, hint=_HINT, path=dotted(path))
        elif phrase in phrases:
            message = "this phrase is in the list twice"
            report.error("duplicate-item", message, span, hint="keep the first", path=dotted(path))
        phrases[phrase] = None
    return Refusals(tuple(phrases), tuple(patterns))


def _pattern(text: str, file: File, path: Path, report: Report) -> Sequence[Opening]:
    """The pattern; nothing where it is none."""
    try:
        pattern = compile_opening(text)
    except PatternError as error:
        report.error("bad-pattern", f"not an RE2 pattern: {error}", file.span(path), path=dotted(path))
        return ()
    if pattern(b"") is not None:
        message = "this pattern matches nothing at all: every answer would begin with it"
        report.error("bad-phrase", message, file.span(path), hint=_HINT, path=dotted(path))
    return (pattern,)
