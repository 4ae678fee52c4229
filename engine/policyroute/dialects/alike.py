"""Words of a stream whose events differ in nothing but the word: most events of most streams.

Rule of this module: an event is read without parsing it only where parsing it would give the same. The event that was
parsed holds no backslash, so that every quote in it begins or ends a string, and names the word's key once. What has
the same bytes around that word, and no quote, backslash or control character in it, is the same JSON with another word.
"""

from __future__ import annotations

import re
from typing import Final

_OPENING: Final = re.compile(rb' ?: ?"')
_WORD: Final = re.compile(rb'[^"\\\x00-\x1f]+')
_LESSONS: Final = 8
"""Events of a stream that are learned from: where each looks different, learning is a waste."""


class Alike:
    """The last event that was learned: what stands before and after its word, and whose word it was.

    `key` is the name, in its quotes, under which a dialect has a stream's words.
    """

    __slots__ = ("_after", "_before", "_key", "_lessons", "choice")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._before = self._after = b""
        self._lessons = 0
        self.choice = 0

    def word(self, data: bytes) -> str | None:
        """The word of an event like the one learned; None: it has to be parsed."""
        before, after = self._before, self._after
        if not (before and data.startswith(before) and data.endswith(after)):
            return None
        word = data[len(before) : -len(after)]
        if not _WORD.fullmatch(word):
            return None
        try:
            return word.decode()
        except UnicodeDecodeError:
            return None

    def learn(self, data: bytes, choice: int) -> None:
        """`data` was parsed, and was a word of `choice` and nothing else."""
        if self._lessons == _LESSONS:
            return
        self._lessons += 1
        if b"\\" in data or data.count(self._key) != 1:
            return
        opening = _OPENING.match(data, data.index(self._key) + len(self._key))
        if opening:
            start = opening.end()
            self._before, self._after, self.choice = data[:start], data[data.index(b'"', start) :], choice
