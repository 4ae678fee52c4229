"""What went wrong where YAML could not be read, in words that help.

Rule of this module: most broken lines are an expression that YAML reads its own way; those are told to quote it.
"""

from __future__ import annotations

import re
from typing import Any

from policyroute.policy.report import Report
from policyroute.policy.text import SourceText, shows_secret

_PAIR = re.compile(r"^[\s-]*(?P<key>[A-Za-z_][\w-]*)\s*:\s+(?P<value>\S.*?)\s*$")
_CEL_KEYS = frozenset({"when", "require", "where", "rank", "cel"})
_OPERATORS = re.compile(r"==|!=|<=|>=|&&|\|\||\s[?<>+]\s|^!|\.(?:startsWith|exists|all|matches|contains)\(|^\S+\.\S+\(")


def report_syntax(error: Exception, source: SourceText, report: Report) -> None:
    """Report what the YAML reader could not read."""
    offset, message = _place_and_message(error)
    offset = min(offset, len(source.text))
    number = source.at(offset)[0]
    context: Any = getattr(error, "context_mark", None)
    first = source.at(min(context.index, offset))[0] if context is not None else number
    hint = next(
        (hint for line in dict.fromkeys((number, first, number - 1)) if (hint := quoting_hint(source.line(line)))),
        "indent with spaces" if "\t" in source.line(number)[:1] else None,
    )
    report.error("yaml-syntax", message, source.span(offset, offset + 1), hint=hint)


def quoting_hint(line: str) -> str | None:
    """How to write the line, if it holds an expression that YAML would misread."""
    pair = _PAIR.match(line)
    if pair is None or shows_secret(line):
        return None
    key, value = pair["key"], pair["value"]
    if value[0] == "'" or (key not in _CEL_KEYS and not _OPERATORS.search(value)):
        return None
    quoted = value.replace("'", "''")
    return f"quote the expression: {key}: '{quoted}'"


def _place_and_message(error: Exception) -> tuple[int, str]:
    if isinstance(error, UnicodeError):
        return 0, "the text has half a surrogate pair in it"
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None:
        return int(getattr(error, "position", 0) or 0), "a control character, which YAML does not allow"
    problem = str(getattr(error, "problem", "") or "not YAML")
    context = str(getattr(error, "context", "") or "")
    opened: Any = getattr(error, "context_mark", None)
    place = opened if opened is not None and "end of stream" in problem else mark
    return place.index, f"{problem} {context}".strip()
