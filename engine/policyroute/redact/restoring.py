"""Values in the place of their pseudonyms, in answers: as they come, and whole.

Rule of this module: only pseudonyms of the conversation that the answer belongs to, whole ones, in one pass: what was
put in is not looked at again. No more is held back than what may become one, and what is held when an answer breaks off
is not said. A pseudonym that an answer interrupts with something else stays as it is, and so, unless it is asked for
otherwise, does one in a link.

What an answer says of its tokens (`logprobs`) spells pseudonyms out: whoever restores takes that away.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import is_
from typing import Any, Final

from policyroute.dialects.shapes import items, obj
from policyroute.events import (
    Broken,
    Finished,
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from policyroute.redact.encodings import escaped
from policyroute.redact.findings import Exhausted
from policyroute.redact.links import BEGINS_JSON, Links
from policyroute.redact.pseudonyms import TOKEN_LIKE, WIDTH, Pseudonyms

_WORDS: Final = (TextDelta, ReasoningDelta, RefusalDelta)
_DEEPEST: Final = 200
_MADE: Final = frozenset({"arguments", "partial_json", "input", "args"})
"""What a tool is called with, as JSON or as a JSON text."""
_MANY: Final = 512

Words = TextDelta | ReasoningDelta | RefusalDelta
Channel = tuple[type, int, int]
"""Of an answer: a kind of event, the choice, and which call."""


class Restoring:
    """One answer's. `in_urls`: in links too; `json`: the client asked for JSON, so that texts are JSON texts.

    `restored`, `linked` and `unknown` count: values given back, pseudonyms left because of a link, and what looks like
    a pseudonym and is none of this conversation's.
    """

    ended = False

    def __init__(self, pseudonyms: Pseudonyms, *, in_urls: bool = False, json: bool = False) -> None:
        self.restored = 0
        self.linked = 0
        self.unknown = 0
        self.values = pseudonyms.values
        self.opening = pseudonyms.opening
        self.in_urls = in_urls
        self._json = json
        self._tokens = sorted(self.values)
        self._windows: dict[Channel, _Window] = {}
        self._speaking: dict[int, Channel] = {}

    def begins(self, said: str) -> bool:
        """Whether a pseudonym of the conversation may begin so, and is longer."""
        place = bisect_left(self._tokens, said)
        return len(said) < WIDTH and place < len(self._tokens) and self._tokens[place].startswith(said)

    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """What of these goes on."""
        if not self._tokens:
            return events
        found: list[StreamEvent] = []
        for event in events:
            if isinstance(event, _WORDS):
                self._words(event, found)
            elif isinstance(event, ToolCallDelta):
                self._call(event, found)
            else:
                if isinstance(event, Finished | OtherContent):
                    self._end(event.choice, found)
                elif isinstance(event, Broken):
                    self._windows.clear()
                    self._speaking.clear()
                found.append(event)
        return found

    def rest(self) -> list[StreamEvent]:
        """At the end: what is held back still."""
        found: list[StreamEvent] = []
        for channel in list(self._windows):
            self._flush(channel, found)
            self._windows[channel].over()
        return found

    def whole(self, data: Any) -> Any:
        """A whole answer, in any dialect: the same object where nothing in it changed. Raises Exhausted where it is too
        deep."""
        return self._node(data, 0, json=self._json) if self._tokens else data

    # Streams ----------------------------------------------------------------------------------------------------------

    def _words(self, event: Words, found: list[StreamEvent]) -> None:
        channel = (event.__class__, event.choice, 0)
        if self._speaking.get(event.choice) != channel:
            self._speak(channel, found)
        said = self._window(channel).passed(event.text)
        if said == event.text:
            found.append(event)
        elif said or event.extra:
            found.append(event.__class__(said, event.choice, event.extra))

    def _call(self, event: ToolCallDelta, found: list[StreamEvent]) -> None:
        channel = (ToolCallDelta, event.choice, event.index)
        if self._speaking.get(event.choice) != channel:
            self._speak(channel, found)
        said = self._window(channel).passed(event.arguments) if event.arguments else ""
        name = event.name and _Window(self, json=False).all(event.name)
        if said == event.arguments and name == event.name:
            found.append(event)
        elif said or event.id is not None or event.name is not None or event.extra:
            found.append(ToolCallDelta(event.index, event.id, name, said, event.choice, event.extra))

    def _speak(self, channel: Channel, found: list[StreamEvent]) -> None:
        """Something else is said than before: what a text ends with goes first. Calls are told side by side."""
        before = self._speaking.get(channel[1])
        if before is not None and before[0] is not ToolCallDelta:
            self._flush(before, found)
        self._speaking[channel[1]] = channel

    def _end(self, choice: int, found: list[StreamEvent]) -> None:
        for channel in [each for each in self._windows if each[1] == choice]:
            self._flush(channel, found)

    def _flush(self, channel: Channel, found: list[StreamEvent]) -> None:
        kind, choice, index = channel
        window = self._windows.get(channel)
        said = window.rest() if window is not None else ""
        if said:
            found.append(
                ToolCallDelta(index, None, None, said, choice) if kind is ToolCallDelta else kind(said, choice)
            )

    def _window(self, channel: Channel) -> _Window:
        window = self._windows.get(channel)
        if window is None:
            window = self._windows[channel] = _Window(self, json=self._json or channel[0] is ToolCallDelta)
        return window

    # Whole answers ----------------------------------------------------------------------------------------------------

    def _node(self, value: Any, depth: int, *, json: bool) -> Any:
        """`json`: texts in it may be JSON."""
        if value.__class__ is str:
            return _Window(self, json=json).all(value) if "ZQ" in value else value
        if depth > _DEEPEST:
            raise Exhausted
        if value.__class__ is dict:
            return self._object(obj(value), depth, json=json)
        if value.__class__ is list:
            given = items(value)
            made = [self._node(inner, depth + 1, json=json) for inner in given]
            return given if all(map(is_, given, made)) else made
        return value

    def _object(self, value: dict[str, Any], depth: int, *, json: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        same = True
        for name, inner in value.items():
            new_name = self._node(name, depth, json=False)
            new = self._node(inner, depth + 1, json=json or name in _MADE)
            same = same and new is inner and new_name is name
            made[new_name] = new
        return value if same else made


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
        self.over()
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

    def over(self) -> None:
        """Nothing is held, and nothing more comes."""
        self._of.unknown += _tokens_like("".join(self._since))
        self._since.clear()

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
        self.over()
        if self._links is None:
            self._links = Links(json=self._json and BEGINS_JSON.match(since) is not None)
        self._links.add(since)
        inside, depth = self._links.inside, self._links.depth
        self._links.add(token)
        if inside and not self._of.in_urls:
            self._of.linked += 1
            return token
        self._of.restored += 1
        return escaped(value, depth)


def _tokens_like(text: str) -> int:
    return len(TOKEN_LIKE.findall(text)) if "ZQ" in text else 0


def restored(data: Any, pseudonyms: Pseudonyms, *, in_urls: bool = False, json: bool = False) -> Any:
    """A whole JSON answer, in any dialect, with the values of the conversation; as `Restoring` says."""
    return Restoring(pseudonyms, in_urls=in_urls, json=json).whole(data)
