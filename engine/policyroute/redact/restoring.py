"""Values in the place of their pseudonyms, in answers: as they come, and whole.

Rule of this module: only pseudonyms of the conversation that the answer belongs to, whole ones, in one pass: what was
put in is not looked at again. No more is held back than what may become one. A pseudonym that an answer interrupts with
something else stays as it is, and so, unless it is asked for otherwise, does one in a link.

What an answer says of its tokens (`logprobs`) spells pseudonyms out: whoever restores takes that away.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

from policyroute.events import StreamEvent
from policyroute.redact.channels import Channels
from policyroute.redact.encodings import escaped
from policyroute.redact.leaves import Place, Walk
from policyroute.redact.links import BEGINS_JSON, Links
from policyroute.redact.pseudonyms import WIDTH, Pseudonyms

_MADE: Final = frozenset({Place.MADE, Place.JSON})
"""What a tool is called with, as JSON or as a JSON text."""
_MANY: Final = 512


class Restoring(Channels):
    """One answer's. `in_urls`: in links too; `json`: the client asked for JSON, so that texts are JSON texts."""

    def __init__(self, pseudonyms: Pseudonyms, *, in_urls: bool = False, json: bool = False) -> None:
        super().__init__(self._opened, self._name, str, json=json)
        self.values = pseudonyms.values
        self.opening = pseudonyms.opening
        self.in_urls = in_urls
        self._tokens = sorted(self.values)

    def begins(self, said: str) -> bool:
        """Whether a pseudonym of the conversation may begin so, and is longer."""
        place = bisect_left(self._tokens, said)
        return len(said) < WIDTH and place < len(self._tokens) and self._tokens[place].startswith(said)

    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        return super().passed(events) if self._tokens else events

    def whole(self, data: Any) -> Any:
        """A whole answer, in any dialect: the same object where nothing in it changed. Raises Exhausted where there is
        too much of it."""

        def leaf(text: str, place: Place) -> str:
            if "ZQ" not in text:
                return text
            return _Window(self, json=place is not Place.NAME and (self._json or place in _MADE)).all(text)

        return Walk(leaf, lambda written: None).done(data) if self._tokens else data

    def _opened(self, json: bool) -> _Window:
        return _Window(self, json=json)

    def _name(self, text: str) -> str:
        return _Window(self, json=False).all(text)


class _Window:
    """One channel: what is held back of it, and what was said since the last pseudonym."""

    def __init__(self, restoring: Restoring, *, json: bool) -> None:
        self._of = restoring
        self._json = json
        self._held = ""
        self._since: list[str] = []
        self._links: Links | None = None

    def all(self, text: str) -> str:
        """A text that is whole: the same object where nothing in it changes."""
        said = self.passed(text) + self.rest()
        return text if said == text else said

    def passed(self, text: str) -> str:
        """What of it, and of what was held, goes on."""
        if self._held:
            text, self._held = self._held + text, ""
        if "Z" not in text:
            return self._plain(text)
        return self._given_back(text) if self._of.opening in text else self._plain(self._cut(text))

    def rest(self) -> str:
        """What was held goes on as it is, since something else is said."""
        held, self._held = self._held, ""
        return self._plain(held) if held else ""

    def _cut(self, text: str) -> str:
        """Without the end that may become a pseudonym."""
        at = text.find("Z", max(0, len(text) - WIDTH + 1))
        while at >= 0:
            if self._of.begins(text[at:]):
                self._held = text[at:]
                return text[:at]
            at = text.find("Z", at + 1)
        return text

    def _plain(self, text: str) -> str:
        self._since.append(text)
        if len(self._since) > _MANY:
            self._since = ["".join(self._since)]
        return text

    def _given_back(self, text: str) -> str:
        values, opening = self._of.values, self._of.opening
        parts: list[str] = []
        last = 0
        at = text.find(opening)
        while at >= 0:
            token = text[at : at + WIDTH]
            value = values.get(token)
            if value is None:
                at = text.find(opening, at + 1)
                continue
            parts += (self._plain(text[last:at]), self._value(token, value))
            last = at + WIDTH
            at = text.find(opening, last)
        return "".join((*parts, self._plain(self._cut(text[last:]))))

    def _value(self, token: str, value: str) -> str:
        """What stands for the token, which comes next."""
        since = "".join(self._since)
        self._since.clear()
        if self._links is None:
            self._links = Links(json=self._json and BEGINS_JSON.match(since) is not None)
        self._links.add(since)
        inside, depth = self._links.inside, self._links.depth
        self._links.add(token)
        return token if inside and not self._of.in_urls else escaped(value, depth)


def restored(data: Any, pseudonyms: Pseudonyms, *, in_urls: bool = False, json: bool = False) -> Any:
    """A whole JSON answer, in any dialect, with the values of the conversation; as `Restoring` says."""
    return Restoring(pseudonyms, in_urls=in_urls, json=json).whole(data)
