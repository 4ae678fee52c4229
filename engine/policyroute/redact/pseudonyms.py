"""Pseudonyms of one conversation: a token for every value that stays with us, and the value again for its token.

Rule of this module: a token says nothing of its value without the conversation's key, and has one length, so that none
is the beginning of another. A value is its exact text: what is given back is what was taken.

`ZQ`, four letters of the conversation, two of the kind, six of the value, a check letter, `QZ`. Capital letters only,
and no vowels where they are ours to choose: no markup, URL or JSON escapes them, and nothing looks like a word or a
number. `Z` and `Q` stand at the ends alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from policyroute.exhausted import Exhausted

LETTERS: Final = "BCDFGHJKLMNPRSTVWX"
"""Those that we choose among: no word and no number can be made of them."""
WIDTH: Final = 17
"""Characters of a token."""
TOKEN_LIKE: Final = re.compile(r"ZQ[A-PR-Y]{13}QZ")
"""What looks like a token of any conversation."""


class TooMany(Exhausted):
    """A conversation has more values than it may have pseudonyms. Whoever asked has to refuse."""


class Pseudonyms:
    """One conversation's. `key` is its own and secret; `values` are those of its earlier requests, by their tokens;
    `most` is how many there may be in all."""

    def __init__(self, key: bytes, values: Mapping[str, str] | None = None, most: int = 10_000) -> None:
        self._key = key
        self._most = most
        self._values = dict(values or {})
        self._tokens = {value: token for token, value in reversed(self._values.items())}
        self._taken: set[str] = set()
        self.new: dict[str, str] = {}
        """Those that were added, by their tokens."""
        self.opening: str = "ZQ" + lettered(key, "conversation", 4)
        """What every token of the conversation begins with."""

    @property
    def values(self) -> Mapping[str, str]:
        """All values, by their tokens."""
        return MappingProxyType(self._values)

    def taken(self, texts: Iterable[str]) -> None:
        """These texts go with the request as well: what looks like a token in them is never made one, unless it is."""
        for text in texts:
            if "ZQ" in text:
                self._taken.update(TOKEN_LIKE.findall(text))

    def of(self, kind: str, value: str) -> str:
        """The token of a value: the same whenever it is asked for, and as whatever kind it is found again. Raises
        TooMany."""
        value = self._whole(value)
        known = self._tokens.get(value)
        if known is not None:
            return known
        attempt = 0
        while (token := self._token(kind, value, attempt)) in self._values or token in self._taken:
            attempt += 1
        if len(self._values) >= self._most:
            raise TooMany
        self._values[token] = self.new[token] = value
        self._tokens[value] = token
        return token

    def _whole(self, value: str) -> str:
        """A value that has tokens in it is what it was before: what is given back is not looked through again."""
        if self.opening not in value:
            return value
        return TOKEN_LIKE.sub(lambda found: self._values.get(found[0], found[0]), value)

    def _token(self, kind: str, value: str, attempt: int) -> str:
        name = "".join(letter for letter in kind.upper() if "A" <= letter <= "Y" and letter != "Q")
        said = f"{self.opening}{name[:2]:X<2}{lettered(self._key, f'{kind}|{attempt}|{value}', 6)}"
        return f"{said}{LETTERS[sum(map(ord, said)) % len(LETTERS)]}QZ"


def lettered(key: bytes, said: str, count: int) -> str:
    """So many letters that nobody can tell what they are of without the key."""
    number = int.from_bytes(hmac.digest(key, said.encode("utf-8", "surrogatepass"), "sha256"), "big")
    found: list[str] = []
    for _ in range(count):
        number, place = divmod(number, len(LETTERS))
        found.append(LETTERS[place])
    return "".join(found)
