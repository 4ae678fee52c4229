"""The channels of an answer as it comes: its words, reasoning and refusal, and each call's arguments, of each choice.

Rule of this module: what a channel ends with goes on before anything else is said in its choice; calls are told side by
side. What is held when an answer breaks off is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

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

Words = TextDelta | ReasoningDelta | RefusalDelta
Channel = tuple[type, int, int]
"""A kind of event, the choice, and which call."""

_WORDS: Final = (TextDelta, ReasoningDelta, RefusalDelta)


class Window(Protocol):
    """One channel, from its beginning."""

    def passed(self, text: str) -> str:
        """What of it, and of what was held, goes on."""
        ...

    def rest(self) -> str:
        """What was held, since something else is said."""
        ...


class Channels:
    """One answer's. `window`, told whether it is of a JSON text, is asked for one for each channel; `named` is done to
    the name of each call and `identified` to its id. `json`: the client asked for JSON, so that texts are JSON texts.
    """

    ended = False

    def __init__(
        self,
        window: Callable[[bool], Window],
        named: Callable[[str], str],
        identified: Callable[[str], str],
        *,
        json: bool,
    ) -> None:
        self._begun = window
        self._named = named
        self._identified = identified
        self._json = json
        self._windows: dict[Channel, Window] = {}
        self._speaking: dict[int, Channel] = {}

    def passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """What of these goes on."""
        found: list[StreamEvent] = []
        for event in events:
            if isinstance(event, _WORDS):
                said = self._window((event.__class__, event.choice, 0), found).passed(event.text)
                if said == event.text:
                    found.append(event)
                elif said or event.extra:
                    found.append(event.__class__(said, event.choice, event.extra))
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
        for channel in self._windows:
            self._flush(channel, found)
        return found

    def _call(self, event: ToolCallDelta, found: list[StreamEvent]) -> None:
        window = self._window((ToolCallDelta, event.choice, event.index), found)
        said = window.passed(event.arguments) if event.arguments else ""
        identity = event.id and self._identified(event.id)
        name = event.name and self._named(event.name)
        if said == event.arguments and identity == event.id and name == event.name:
            found.append(event)
        elif said or identity is not None or name is not None or event.extra:
            found.append(ToolCallDelta(event.index, identity, name, said, event.choice, event.extra))

    def _window(self, channel: Channel, found: list[StreamEvent]) -> Window:
        """Where something else is said than before, the words before it have ended."""
        kind, choice, _ = channel
        before = self._speaking.get(choice)
        if before != channel:
            if before is not None and before[0] is not ToolCallDelta:
                self._flush(before, found)
            self._speaking[choice] = channel
        window = self._windows.get(channel)
        if window is None:
            window = self._windows[channel] = self._begun(self._json or kind is ToolCallDelta)
        return window

    def _end(self, choice: int, found: list[StreamEvent]) -> None:
        for channel in self._windows:
            if channel[1] == choice:
                self._flush(channel, found)

    def _flush(self, channel: Channel, found: list[StreamEvent]) -> None:
        kind, choice, index = channel
        said = self._windows[channel].rest()
        if said:
            found.append(
                ToolCallDelta(index, None, None, said, choice) if kind is ToolCallDelta else kind(said, choice)
            )


def told(event: StreamEvent) -> tuple[Channel, str] | None:
    """In which channel it says what; None where it is of none."""
    if isinstance(event, _WORDS):
        return (event.__class__, event.choice, 0), event.text
    if isinstance(event, ToolCallDelta):
        return (ToolCallDelta, event.choice, event.index), event.arguments
    return None
