"""What is wrong with a policy, as values: every problem has a code, a place and a hint.

Rule of this module: problems are collected, never raised one at a time. `PolicyErrors` carries them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a policy file. Lines and columns count from 1, in characters; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing an author has to know.

    `code` is a stable kebab-case slug (documented in docs/problems.md), `path` the place in YAML terms
    (`rules[2].when`), `excerpt` the source line the span starts on.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    excerpt: str | None = None
    path: str | None = None
    severity: Severity = Severity.ERROR

    def as_json(self) -> dict[str, Any]:
        place = self.span
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "end_line": place.end_line if place else None,
            "end_column": place.end_column if place else None,
            "path": self.path,
            "hint": self.hint,
            "excerpt": self.excerpt,
        }

    def __str__(self) -> str:
        where = f"{self.span}: " if self.span else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.severity.value} {self.code}: {self.message}{hint}"


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and position; what has no place comes first."""
    nowhere = Span("", 0, 0, 0, 0)
    return tuple(sorted(problems, key=lambda p: (p.span or nowhere, p.code)))


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(p for p in problems if p.severity is Severity.ERROR)


class PolicyErrors(Exception):
    """A policy set that may not be used. `problems` has every error and warning, ordered by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = ordered(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
