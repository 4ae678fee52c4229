"""What rules look for is replaced in answers: as they come, and whole.

Rule of this module: a stream says what the whole answer would say, however it is cut; and nothing goes on before that
is certain. Words are held back until what they are found to be cannot change any more (`Redaction.settled`), and
looked through 64 characters at a time, with what came before them. Arguments are held string by string: whoever reads
them waits for their end anyway.

This comes before pseudonyms are given back: what the client said itself is no finding. What an answer says of its
tokens (`logprobs`) spells out what was found: whoever censors takes that away.
"""

from __future__ import annotations

import re
from typing import Any, Final

from policyroute.redact.channels import Channels
from policyroute.redact.encodings import json_changed, literal_changed
from policyroute.redact.findings import CONTEXT
from policyroute.redact.leaves import Place, Walk
from policyroute.redact.replacing import Redaction, Span

_STEP: Final = 64
"""Characters that are looked through at a time, at least."""


class Censoring(Channels):
    """One answer's. Raises what `Redaction` does, and after that is of no more use: nothing that was held goes on."""

    def __init__(self, redaction: Redaction, *, json: bool = False) -> None:
        def name(text: str) -> str:
            return redaction.leaf(text, Place.NAME)

        super().__init__(lambda json: _Window(redaction, json=json), name, name, json=json)


class _Window:
    """One channel, from its beginning. `json`: it is a JSON text, if it begins as one."""

    def __init__(self, redaction: Redaction, *, json: bool) -> None:
        self._redaction = redaction
        self._json = json
        self._reads: _Words | _Strings | None = None

    def passed(self, text: str) -> str:
        """What of it, and of what was held, goes on."""
        if self._reads is None:
            begun = text.lstrip()
            if not begun:
                return text
            as_json = self._json and begun[0] in "{["
            self._reads = _Strings(self._redaction) if as_json else _Words(self._redaction)
        return self._reads.passed(text)

    def rest(self) -> str:
        """What was held, since something else is said."""
        return "" if self._reads is None else self._reads.rest()

    def all(self, text: str) -> str:
        said = self.passed(text)
        return said + self.rest()


class _Words:
    """A text in words. `_text` is what was not said yet, from `_told` on, and before it what that is looked at with."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._reach = redaction.reach
        self._text = ""
        self._told = 0
        self._new = 0

    def passed(self, text: str) -> str:
        self._text += text
        self._new += len(text)
        if self._new < _STEP:
            return ""
        self._new = 0
        return self._until(*self._redaction.settled(self._text))

    def rest(self) -> str:
        self._new = 0
        return self._until(self._redaction.spans(self._text), len(self._text)) if self._told < len(self._text) else ""

    def _until(self, spans: list[Span], settled: int) -> str:
        """What is said of it up to there: nothing crosses that."""
        if settled <= self._told:
            return ""
        parts: list[str] = []
        at = self._told
        for span in spans:
            if at < span.end <= settled:
                parts += (self._text[at : span.start], self._redaction.mark(span, self._text[span.start : span.end]))
                at = span.end
        parts.append(self._text[at:settled])
        self._told = settled
        self._forget(spans)
        return "".join(parts)

    def _forget(self, spans: list[Span]) -> None:
        """What is too far back to have to do with what comes. No word and no finding is cut."""
        cut = self._told - min(self._reach, CONTEXT)
        least = max(0, self._told - self._reach)
        while cut > least and not self._text[cut - 1].isspace():
            cut -= 1
        cut = min((span.start for span in spans if span.start < cut < span.end), default=cut)
        if cut > CONTEXT:
            self._text, self._told = self._text[cut:], self._told - cut


_IN_STRING: Final = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_AFTER: Final = re.compile(r"[ \t\r\n]*+([^ \t\r\n])")
_PUNCTUATION: Final = re.compile(r"(?:[\s\[\]{},:0-9.eE+-]|true|false|null)*+")


class _Strings:
    """A JSON text: what is between strings, and each string, is said once it is whole."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._held = ""
        self._looked = 1  # of a string that is held, how far its end was looked for

    def passed(self, text: str) -> str:
        held = self._held + text
        parts: list[str] = []
        at = 0
        while at < len(held):
            if held[at] != '"':
                end = held.find('"', at)
                if end < 0:
                    break
                parts.append(self._between(held[at:end]))
                at = end
            end, whole = _end_of_string(held, at + self._looked)
            after = _AFTER.match(held, end + 1) if whole else None
            if after is None:  # not even whether it is a key is known
                self._looked = end - at
                break
            parts.append(self._string(held[at : end + 1], Place.NAME if after[1] == ":" else Place.MADE))
            at, self._looked = end + 1, 1
        self._held = held[at:]
        return "".join(parts)

    def rest(self) -> str:
        """What never became whole."""
        held, self._held, self._looked = self._held, "", 1
        if held[:1] != '"':
            return self._between(held)
        end, whole = _end_of_string(held, 1)
        if whole:
            return self._string(held[: end + 1], Place.MADE) + self._between(held[end + 1 :])
        return literal_changed(held + '"', self._made)[:-1]

    def _string(self, raw: str, place: Place) -> str:
        return literal_changed(raw, self._made if place is Place.MADE else self._named)

    def _made(self, text: str) -> str:
        return self._redaction.leaf(text, Place.MADE)

    def _named(self, text: str) -> str:
        return self._redaction.leaf(text, Place.NAME)

    def _between(self, text: str) -> str:
        """Numbers; or words, where it was no JSON."""
        if _PUNCTUATION.fullmatch(text) is None:
            return self._redaction.once(text)
        return json_changed(text, self._made, self._named, self._redaction.number)


def _end_of_string(text: str, at: int) -> tuple[int, bool]:
    """Where the quote is that ends a string, from a place in it on; or how far there is none."""
    found = _IN_STRING.match(text, at)
    end = at if found is None else found.end()
    return end, text[end : end + 1] == '"'


def censored(data: Any, redaction: Redaction, *, json: bool = False) -> Any:
    """A whole JSON answer, in any dialect, as `Censoring` would have it: the same object where nothing was found.
    Raises what that raises."""

    def leaf(text: str, place: Place) -> str:
        if place is Place.JSON or place is Place.TEXT:
            said = _Window(redaction, json=json or place is Place.JSON).all(text)
            return text if said == text else said
        return redaction.leaf(text, place)

    return Walk(leaf, redaction.number).done(data)
