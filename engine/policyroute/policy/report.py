"""The list that problems are collected in, from the first file to the last expression.

Rule of this module: nothing stops at the first problem, and every problem with a place shows its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from policyroute.cel.findings import did_you_mean
from policyroute.policy.text import SourceText
from policyroute.problems import Problem, Severity, Span, ordered


@dataclass(slots=True)
class Report:
    """`hidden` are the stretches of a file that must not be shown, by file name."""

    problems: list[Problem] = field(default_factory=list[Problem])
    sources: dict[str, SourceText] = field(default_factory=dict[str, SourceText])
    hidden: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])

    def error(
        self, code: str, message: str, span: Span | None = None, *, hint: str | None = None, path: str | None = None
    ) -> None:
        self.problems.append(Problem(code, message, span, hint, None, path))

    def warning(
        self, code: str, message: str, span: Span | None = None, *, hint: str | None = None, path: str | None = None
    ) -> None:
        self.problems.append(Problem(code, message, span, hint, None, path, Severity.WARNING))

    def finished(self) -> tuple[Problem, ...]:
        """All of them by place, each once, with excerpts."""
        return ordered(dict.fromkeys(self._with_excerpt(problem) for problem in self.problems))

    def _with_excerpt(self, problem: Problem) -> Problem:
        span = problem.span
        source = self.sources.get(span.file) if span else None
        if span is None or source is None:
            return problem
        return replace(problem, excerpt=source.excerpt(span.line, self.hidden.get(span.file, [])))


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """A hint for an unknown name: the closest known one, or a list where there are few."""
    names = sorted(known)
    near = did_you_mean(name, names)
    if near or not names:
        return near
    shown = ", ".join(f"`{each}`" for each in names[:16])
    return f"known: {shown}" + (", ..." if len(names) > 16 else "")
