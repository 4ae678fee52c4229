"""When two calls, two results or two texts are the same to an agent, though their bytes are not.

Rule of this module: only so much of a text is looked at (`steps.MOST`), however long it is.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from policyroute.dialects.shapes import dumps
from policyroute.divergence.steps import MOST, ends
from policyroute.request.prompt import Call, Media, Result, Text

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_DAY: Final = r"[0-9]{3}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]{5,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_CLOCK: Final = r"[0-9]?:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_LASTED: Final = r"[0-9]*+(?:\.[0-9]++)? ?(?:[nuµm]?s|secs?|seconds?|min|minutes?)\b"
_PASSING: Final = re.compile(rf"[0-9](?:x[0-9a-fA-F]{{4,}}|{_DAY}|{_CLOCK}|{_LASTED})")
"""What differs from one time to the next and says nothing: ids, addresses, moments and how long something took. Each
begins with a digit, so that only these are looked at."""
_WORD: Final = re.compile(r"\w+")
_MOST_WORDS: Final = 300

Said = tuple[str, str]
"""A tool, and what it is called with; a text is said with no tool."""


def said_by(call: Call) -> Said:
    """Arguments as JSON are the same in any order of their names; white space says nothing but that there is some."""
    return call.name, " ".join(_canonical(call.arguments).split())


def _canonical(arguments: str) -> str:
    if len(arguments) > MOST or arguments[:1] != "{":
        return arguments
    try:
        arguments = orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or deeper than it is written
        return arguments
    return arguments.replace("\\n", " ").replace("\\t", " ")


def told(result: Result | None) -> str:
    """What a call gave, as far as it is looked at: a failure is another thing than the same words."""
    if result is None:
        return ""
    found: list[str] = []
    for part in result.content:
        if isinstance(part, Text):
            found.append(part.text)
        elif isinstance(part, Media):
            found.append(part.url or part.file_id or ends(part.data))
        else:
            found.append(dumps(part.raw).decode())
    said = ends(found[0] if len(found) == 1 else "\n".join(found))
    return f"!{said}" if result.error else said


def given(said: str) -> str:
    """The same without what passes."""
    if said.count("-") > 3:
        said = _UUID.sub("~", said)
    return " ".join(_PASSING.sub("~", said).lower().split())


def spoken(text: str) -> str:
    return " ".join(ends(text).lower().split())


def alike(one: str, other: str, least: float) -> bool:
    """Whether so much of both is the same: of their groups of three words, those in both."""
    if one == other:
        return True
    if not one or not other or min(len(one), len(other)) < least * max(len(one), len(other)) / 2:
        return False
    some, others = _threes(one), _threes(other)
    return len(some & others) >= least * len(some | others)


def _threes(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text)[:_MOST_WORDS]
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}


def shared(one: str, other: str) -> float:
    """How much of the shorter text's words the other has, from 0 to 1."""
    some, others = set(_WORD.findall(one)[:_MOST_WORDS]), set(_WORD.findall(other)[:_MOST_WORDS])
    return len(some & others) / min(len(some), len(others)) if some and others else 0.0
