"""Whether a text is so plain that nothing of any kind can be in it: most strings of a request are names, types and
short descriptions.

Rule of this module: it may say no where nothing is, and never yes where something is. What it knows it takes from who
looks: which words make them look, and that without digits only these, long words and a few signs do.
"""

from __future__ import annotations

from functools import cache

from policyroute.automaton import Automaton, automaton
from policyroute.redact.assignments import assignments
from policyroute.redact.commands import commands
from policyroute.redact.credentials import credentials
from policyroute.redact.engine import compiled
from policyroute.redact.headers import headers
from policyroute.redact.kinds import KINDS
from policyroute.redact.national import NUMBERS
from policyroute.redact.tokens import tokens
from policyroute.redact.views import SHORTEST_BASE64

_MOST = 2_000
"""Characters of a text that is looked at here; a longer one has something that is worth a look."""
_LONG = 11
"""Characters of the shortest token of a service (`artifactory_key`)."""
_ALL = frozenset(KINDS)
_URL = "://"  # a password in one has an `@` after it
_WORDS = sorted(
    {word for asking in (credentials, headers, commands) for word, _, _ in asking(_ALL)} - {_URL}
    | {word for word, _, _ in assignments(frozenset({"password"}))}  # a token's value has digits, or is long
    | {word for each in NUMBERS if r"\d" not in each.shape for word in each.words}
)
_EITHER = "|".join("".join(f"\\x{{{ord(each):x}}}" for each in word) for word in _WORDS)
_SIGN = rf"[0-9@%\\]|[^\x00-\x7f]|&(?:#|[A-Za-z])|::|(?i:[(\[]at[)\]]|{_EITHER})"
_ANY = compiled(rf"{_SIGN}|[^\s]{{{_LONG}}}")
_SIGNS = compiled(_SIGN)


@cache
def _marks() -> Automaton[str]:
    """What tokens of services begin with, in lower case."""
    return automaton({mark: mark for mark, _, _ in tokens(_ALL)})


def is_plain(text: str) -> bool:
    """Whether certainly nothing is in it."""
    if len(text) > _MOST or not text.isascii():
        return False
    data = text.encode()
    if _ANY.search(data) is None:
        return True
    return _SIGNS.search(data) is None and _are_names(text)


def _are_names(text: str) -> bool:
    """Its long words are of small letters, as no token is but by its mark."""
    for word in text.split():
        if len(word) >= _LONG and not word.islower() and (len(word) >= SHORTEST_BASE64 or not word[1:].islower()):
            return False
    return next(_marks().iter(text.lower()), None) is None
