"""What is wrong with an expression, by offsets into its own text.

Rule of this module: a trouble knows no file. It becomes a `Problem` where the `Source` is known, so that what was found
out about a text can be kept for every place where the text stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyroute.cel.expression import Source
from policyroute.problems import Problem, Severity

SYNTAX = "cel-syntax"
UNKNOWN_NAME = "cel-unknown-name"
UNKNOWN_FUNCTION = "cel-unknown-function"
TYPE = "cel-type"
PHASE = "cel-phase"
UNGUARDED = "cel-unguarded"
OMITTABLE = "cel-omittable"
TOO_LARGE = "cel-too-large"
BAD_LITERAL = "cel-bad-literal"
BAD_PATTERN = "cel-bad-pattern"
UNSUPPORTED = "cel-unsupported"


@dataclass(frozen=True, slots=True)
class Trouble:
    code: str
    message: str
    start: int
    end: int
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def problem(self, source: Source) -> Problem:
        length = len(source.text)
        start = min(self.start, length)
        return Problem(
            code=self.code,
            message=self.message,
            span=source.span(start, max(start, min(self.end, length))),
            hint=self.hint,
            path=source.path,
            severity=self.severity,
        )


class Refused(Exception):
    """An expression that cannot be read further."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        super().__init__(trouble.message)


def refused(code: str, message: str, start: int, end: int, hint: str | None = None) -> Refused:
    return Refused(Trouble(code, message, start, end, hint))
