"""A compiled CEL expression, and the world it was compiled for.

Rule of this module: an `Expression` is immutable and re-entrant. Evaluating one never changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policyroute.cel.parts import Part
from policyroute.cel.region import Condition
from policyroute.cel.syntax import Node
from policyroute.cel.types import DYN, Phase, Type
from policyroute.problems import Span

Facts = Any
"""Any object with one attribute per flattened field (`facts.request_model`); see docs/architecture.md."""


@dataclass(frozen=True, slots=True)
class Source:
    """An expression's text and where each of its characters stands in a file.

    `place` maps a character offset of `text` (0..len) to (line, column), both from 1.
    """

    text: str
    file: str
    place: Callable[[int], tuple[int, int]]
    path: str | None = None

    def span(self, start: int, end: int) -> Span:
        line, column = self.place(start)
        end_line, end_column = self.place(end)
        return Span(self.file, line, column, end_line, end_column)


def plain(text: str, file: str = "<expression>") -> Source:
    """A source that stands alone, for tests and tools."""

    def place(offset: int) -> tuple[int, int]:
        before = text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    return Source(text, file, place)


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression may name.

    `roots`: name -> type. `flat`: the record roots whose fields are attributes of the facts object itself
    (`request.model` -> `facts.request_model`). `constants`: values folded as `constants.NAME`.
    """

    roots: Mapping[str, Type]
    flat: frozenset[str] = frozenset()
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Demand:
    """What the place where an expression stands asks of it.

    `guarded`: reading an optional field without `has()` is an error, and resting on an omittable one a warning.
    """

    type: Type = DYN
    phase: Phase = Phase.REQUEST
    guarded: bool = False


class EvaluationError(Exception):
    """A condition that could not be evaluated. `reason` is CEL's own kind (`no such key`, ...), without values.

    `start` and `end` are offsets of the part that erred in the expression's text, where the interpreter knows it.
    """

    def __init__(self, reason: str, span: Span | None = None) -> None:
        self.reason = reason
        self.span = span
        self.start: int | None = None
        self.end: int | None = None
        super().__init__(f"{span}: {reason}" if span else reason)


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """`reads` are the dotted fields it may touch (`request.model`); `tree` is checked and typed, `parts` are its
    conjuncts, and `condition` is what they leave possible.

    `fast` is the compiled code: it takes the facts object, and is right whenever it does not raise. `evaluate` falls
    back to the exact interpreter when it does.
    """

    source: Source
    tree: Node
    parts: tuple[Part, ...]
    condition: Condition
    type: Type
    reads: frozenset[str]
    fast: Callable[[Facts], Any]
    evaluate: Callable[[Facts], Any]
