"""A look over an expression's characters before it is parsed: size, brackets, strings, and notations CEL has not got.

Rule of this module: it decides nothing that the grammar decides. It says in plain words what a parser would only call
an unexpected token, and finds the strings, so that the parser's reading of them can be checked.
"""

from __future__ import annotations

import re
from typing import Final

from policyroute.cel.trouble import SYNTAX, TOO_LARGE, UNSUPPORTED, refused

MAX_LENGTH: Final = 8192
MAX_NESTING: Final = 48

_TOKEN = re.compile(
    r"""
    (?P<string>
        [bB]?[rR](?: \"\"\"(?:.|\n)*?\"\"\" | '''(?:.|\n)*?''' | "[^"\n\r]*" | '[^'\n\r]*' )
      | [bB]?(?: \"\"\"(?:[^\\]|\\(?:.|\n))*?\"\"\" | '''(?:[^\\]|\\(?:.|\n))*?'''
               | "(?:[^"\\\n\r]|\\.)*" | '(?:[^'\\\n\r]|\\.)*' )
    )
  | (?P<comment> //[^\n]* )
  | (?P<space> [ \t\n\f\r]+ )
  | (?P<word> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> 0x[0-9a-fA-F]+[uU]? | [0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | [0-9]+[uU]?
              | \.[0-9]+(?:[eE][+-]?[0-9]+)? )
  | (?P<optional> \.\? | [\[{,]\s*\? )
  | (?P<operator> && | \|\| | == | != | <= | >= | [-+*/%<>!?:.,] )
  | (?P<open> [(\[{] )
  | (?P<close> [)\]}] )
  | (?P<other> (?:.|\n) )
    """,
    re.VERBOSE,
)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
_OTHER: Final[dict[str, tuple[str, str | None]]] = {
    "=": ("`=` is not an operator", "write `==`"),
    "&": ("`&` is not an operator", "write `&&`"),
    "|": ("`|` is not an operator", "write `||`"),
    '"': ("this string is never closed", 'add the closing `"`'),
    "'": ("this string is never closed", "add the closing `'`"),
}
INSTEAD: Final = {"and": "write `&&`", "or": "write `||`", "not": "write `!`", "AND": "write `&&`", "OR": "write `||`"}


def strings(text: str) -> frozenset[tuple[int, int]]:
    """Where the string and bytes literals are, after refusing what cannot be CEL. Raises Refused."""
    if len(text) > MAX_LENGTH:
        raise refused(
            TOO_LARGE,
            f"the expression has {len(text)} characters, at most {MAX_LENGTH} are read",
            0,
            0,
            "split it: name parts of it under `variables`",
        )
    found: set[tuple[int, int]] = set()
    opened: list[tuple[str, int]] = []
    number_end = -1
    for token in _TOKEN.finditer(text):
        kind, start, end = token.lastgroup, token.start(), token.end()
        if kind == "string":
            found.add((start, end))
        elif kind in ("open", "close"):
            _bracket(token[0], start, opened)
        elif kind == "operator" and token[0] == "." and start == number_end:
            raise refused(SYNTAX, "a number cannot end in a dot", start, end, "write `24.0`, or `(24).method()`")
        elif kind == "optional":
            raise refused(
                UNSUPPORTED, "optional values (`.?`, `[?`, `{?`) are not supported", start, end, "write `has(x.y)`"
            )
        elif kind == "other":
            raise _other(token[0], start)
        number_end = end if kind == "number" else -1
    if opened:
        bracket, place = opened[-1]
        raise refused(SYNTAX, f"`{bracket}` is never closed", place, place + 1, f"add `{_CLOSES[bracket]}`")
    return frozenset(found)


def _bracket(bracket: str, place: int, opened: list[tuple[str, int]]) -> None:
    if bracket in _CLOSES:
        opened.append((bracket, place))
        if len(opened) > MAX_NESTING:
            raise refused(TOO_LARGE, f"brackets are nested deeper than {MAX_NESTING}", place, place + 1)
    elif not opened:
        raise refused(SYNTAX, f"`{bracket}` was never opened", place, place + 1)
    else:
        opener, _ = opened.pop()
        if _CLOSES[opener] != bracket:
            raise refused(
                SYNTAX, f"`{opener}` is closed by `{bracket}`", place, place + 1, f"write `{_CLOSES[opener]}`"
            )


def _other(character: str, place: int) -> Exception:
    if character == "`":
        instead = 'write `x["the-name"]`'
        return refused(UNSUPPORTED, "field names in backticks are not supported", place, place + 1, instead)
    message, hint = _OTHER.get(character, (f"`{character}` means nothing in CEL", None))
    return refused(SYNTAX, message, place, place + 1, hint)
