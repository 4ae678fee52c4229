"""Phrases that an answer begins with where the model refuses in plain text: from what is written to a matcher.

Rule of this module: a phrase that every answer would begin with does not load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policyroute.cel.patterns import Opening, PatternError, compile_opening
from policyroute.failures import FailureKind
from policyroute.policy import symbols
from policyroute.policy.actions import Fallback
from policyroute.policy.document import PatternSpec
from policyroute.policy.model import Default, Rule
from policyroute.policy.openings import MARKS, Refusals, folded
from policyroute.policy.reading import Loaded
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, dotted

_HINT: Final = "write how a refusal begins"


def refusals(
    files: Sequence[Loaded], rules: Sequence[Rule], default: Default | None, report: Report
) -> Refusals | None:
    """The phrases of the set; None where no file has any."""
    loaded = symbols.only("refusals", files, report)
    if loaded is None or loaded.document.refusals is None:
        return None
    fallbacks = [default.fallback if default else None, *[rule.fallback for rule in rules]]
    if not any(_goes_on(each) for each in fallbacks if each) and not any(_asks(rule) for rule in rules):
        place: Path = ("refusals",)
        message = "refusals are only counted: no `fallback.after` names `refused`, and no rule asks `response.refused`"
        hint = "in the rules where they matter: `fallback: {after: {add: [refused]}}`"
        report.warning("refusals-unused", message, loaded.file.key_span(place), hint=hint, path=dotted(place))
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


def _asks(rule: Rule) -> bool:
    return rule.when is not None and "response.refused" in rule.when.reads


def _goes_on(fallback: Fallback) -> bool:
    return FailureKind.REFUSED in (fallback.after or ()) or FailureKind.REFUSED in fallback.after_add


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
