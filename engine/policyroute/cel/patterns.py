"""Patterns in policies: RE2's for `matches`, shell-like ones for `glob`, compiled once when a policy is loaded.

Rule of this module: time is linear in the text and memory is bounded, whatever the pattern and the text. What a string
method answers as well is answered by a string method.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from operator import contains
from typing import Any, Final, Protocol

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.cel.expression import EvaluationError

_re2: Any = untyped_re2

Matcher = Callable[[str], bool]
Opening = Callable[[bytes], int | None]


class _Match(Protocol):
    def end(self) -> int: ...


class _Pattern(Protocol):
    def search(self, text: bytes) -> object | None: ...
    def match(self, text: bytes) -> _Match | None: ...


MAX_PATTERN: Final = 4096
"""Characters of a pattern."""
MAX_TEXT: Final = 4_000_000
"""Characters of a text that a pattern is matched against."""
_MAX_MEMORY: Final = 2 << 20

_ESCAPED = re.compile(r"\\([^a-zA-Z0-9])|([^\\.+*?()|\[\]{}^$])", re.DOTALL)
_WILDCARD = re.compile(r"\\[*?]")
_WILD = {r"\*": ".*", r"\?": "."}


class PatternError(ValueError):
    """A pattern that cannot be used; the message is RE2's reason."""


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Matcher:
    """A function that tells whether an RE2 pattern matches anywhere in a string. Raises PatternError."""
    _check_length(text)
    pattern = _compiled(text)
    return _by_string_method(text) or partial(_search, pattern)


@lru_cache(maxsize=4096)
def compile_glob(text: str) -> Matcher:
    """A function that tells whether a whole string fits. Raises PatternError.

    `*` stands for any run of characters, `?` for any one, everything else for itself.
    """
    _check_length(text)
    literals = text.split("*")
    if "?" not in text and len(literals) <= 2:
        return partial(_fits, literals[0], literals[-1] if len(literals) == 2 else None)
    body = _WILDCARD.sub(lambda found: _WILD[found[0]], str(_re2.escape(text)))
    return partial(_search, _compiled(f"(?s)^(?:{body})$"))


def compile_opening(text: str) -> Opening:
    """A function that tells where a match at the beginning of a text ends, in any case. None: there is none. Raises
    PatternError."""
    _check_length(text)
    pattern = _compiled(text, any_case=True)

    def end(beginning: bytes) -> int | None:
        found = pattern.match(beginning)
        return None if found is None else found.end()

    return end


def _check_length(text: str) -> None:
    if len(text) > MAX_PATTERN:
        raise PatternError(f"pattern too long: {len(text)} characters, at most {MAX_PATTERN}")


def _by_string_method(text: str) -> Matcher | None:
    """`^literal`, `literal$`, `^literal$`, `^(a|b)$` and plain literals, without RE2."""
    start = text.startswith("^")
    body = text[start:]
    end = _ends_unescaped(body)
    body = body[: len(body) - end]
    if start and end:
        choices = _choices(body)
        return partial(contains, choices) if choices is not None else None
    literal = _literal(body)
    if literal is None:
        return None
    if start:
        return partial(_starts, literal)
    return partial(_ends, literal) if end else partial(_has, literal)


def _ends_unescaped(body: str) -> bool:
    """Whether the last character is a `$` that means the end."""
    if not body.endswith("$"):
        return False
    before = body[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _choices(body: str) -> frozenset[str] | None:
    """What `^...$` may stand for: a literal, or a group of them; None if it is more than that."""
    inner = body
    if body.startswith("(") and body.endswith(")"):
        inner = body[1:-1].removeprefix("?:")
    elif "|" in body:
        return None
    literals = [_literal(part) for part in inner.split("|")]
    known = [literal for literal in literals if literal is not None]
    return frozenset(known) if len(known) == len(literals) else None


def _literal(text: str) -> str | None:
    """The string that a pattern without operators stands for."""
    found = list(_ESCAPED.finditer(text))
    if "".join(match[0] for match in found) != text:
        return None
    return "".join(match[1] or match[2] for match in found)


def _starts(literal: str, text: str) -> bool:
    return text.startswith(literal)


def _ends(literal: str, text: str) -> bool:
    return text.endswith(literal)


def _has(literal: str, text: str) -> bool:
    return literal in text


def _fits(start: str, end: str | None, text: str) -> bool:
    if end is None:
        return text == start
    return len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)


def _search(pattern: _Pattern, text: str) -> bool:
    if len(text) > MAX_TEXT:
        raise EvaluationError("text too long for a pattern")
    return pattern.search(text.encode("utf-8", "replace")) is not None


def _compiled(text: str, *, any_case: bool = False) -> _Pattern:
    options: Any = _re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = not any_case
    try:
        pattern: _Pattern = _re2.compile(text.encode("utf-8", "replace"), options)
    except _re2.error as problem:
        reason = problem.args[0]
        raise PatternError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    return pattern
