"""A policy file's text, and where in it a character stands.

Rule of this module: offsets inside, lines and columns outside; both count characters, and only `\\n` ends a line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from policyroute.problems import Span

SECRET_KEY = re.compile(
    r"^keys?(?:_|$)|api[_-]?keys?|proxy[_-]?auth|secret|token$|password|passwd|authorization|credential",
    re.IGNORECASE,
)
"""Keys whose values are not shown."""

DIGEST = re.compile(r"[0-9a-fA-F]{64}")
"""The sha256 of a key: what may be shown where a key may not."""

_SECRET_IN_LINE = re.compile(
    r"""(?ix)
      (?: api[_-]?keys? | proxy[_-]?auth | secret | password | passwd | authorization | credentials? )
      ["']? \s* : \s* (?! [\[\s]* \{ \s* (?:env|file|google|azure_ad)\b | from_client\b ) .+
    | \b key_sha256 ["']? \s* : \s* (?! [\[\s"']* (?: [0-9a-f]{64} [\s"',]* )+ (?: [\]}\#] | $ ) ) .+
    | \b bearer \s+ \S+
    | (?<= ://) [^\s/@"']+ @
    | (?<= [?&]) [\w-]* (?: key | token | secret | sig ) [\w-]* = [^\s&"']+
    | \b (?: plr | sk | pk | rk | key | AIza | ghp | xox[a-z] | gsk_ | hf_ | r8_ | xai- | nvapi- | pplx- | csk- )
      [-_A-Za-z0-9]{16,}
    """
)


_RANDOM = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{28,}")


def shows_secret(line: str) -> bool:
    """Whether the line seems to hold a secret, or a key under which one is written out."""
    return _SECRET_IN_LINE.search(line) is not None


def is_like_key(name: str) -> bool:
    """Whether this looks less like a name than like the key that should not stand in its place."""
    return shows_secret(name) or _RANDOM.search(name) is not None


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file: `name` as problems will say it, and its text. `shipped`: it is a pack's."""

    name: str
    text: str
    shipped: bool = False
    starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        object.__setattr__(self, "starts", tuple(starts))

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column of the character at this offset, both from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        line, column = self.at(start)
        end_line, end_column = self.at(end)
        return Span(self.name, line, column, end_line, end_column)

    def line(self, number: int) -> str:
        """The text of a line, without its end; empty where there is no such line."""
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")

    def excerpt(self, number: int, hidden: list[tuple[int, int]]) -> str:
        """A line to show: what lies in the hidden stretches, or looks like a secret, is not shown."""
        line = self.line(number)
        first = self.starts[number - 1] if number <= len(self.starts) else 0
        for start, end in hidden:
            begin, stop = max(start - first, 0), min(end - first, len(line))
            if begin < stop:
                line = line[:begin] + "*" * (stop - begin) + line[stop:]
        shown = _SECRET_IN_LINE.sub(_mask, line)[:200]
        return "".join(each if each.isprintable() or each == "\t" else "\ufffd" for each in shown)


def _mask(match: re.Match[str]) -> str:
    key, colon, _ = match.group().partition(":")
    return f"{key}: ***" if colon and SECRET_KEY.search(key) else "***"
