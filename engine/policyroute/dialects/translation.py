"""Speaking a dialect to whoever does not: a conversation read from it and written in it, answers told in it.

Rule of this module: hub and spoke. A dialect knows `Prompt` and `StreamEvent` and nothing of any other dialect; what it
has no words for it leaves out, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from policyroute.changes import Change
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest
from policyroute.request.prompt import Prompt


class Written(NamedTuple):
    """A body, and what it says otherwise than the prompt. The `extra` and `Other` of another dialect are not among the
    changes: whoever translates names those (`unsaid`)."""

    data: dict[str, Any]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What an answer is told with. `id` is unique, of [A-Za-z0-9]; `model` what was asked for, told where the provider
    does not say what it is; `created` epoch seconds."""

    id: str
    model: str
    created: int
    request: ModelRequest


class StreamWriter(Protocol):
    """Tells a client one answer, as server-sent events. `Broken` is not its business: see `Voice.error_event`.

    `lost` are the kinds of `OtherContent` and fields that were left out, as they come.
    """

    lost: set[str]

    def recall(self, event: dict[str, Any], /) -> None:
        """The client was sent this of the answer already, by whoever. `sent.resumed` tells it all that was sent."""
        ...

    def write(self, events: Iterable[StreamEvent]) -> bytes:
        """The events as bytes: maybe none, where the dialect tells them later."""
        ...

    def end(self) -> bytes:
        """The answer is complete: whatever is not told yet, and the dialect's end."""
        ...


class Translates(Protocol):
    """What a dialect offers for translation."""

    name: str
    beside: Mapping[str, tuple[str, ...]]
    """Fields of an `extra` that no target takes without a trait of the catalogue, by that trait's name."""

    def read(self, data: dict[str, Any]) -> Prompt:
        """A body that was checked. Never raises."""
        ...

    def write(self, prompt: Prompt, model: str, stream: bool) -> Written:
        """A body for a provider. Of a prompt of the same dialect it is the body that was read, as JSON."""
        ...

    def asks_nothing(self, data: dict[str, Any]) -> bool:
        """Of a body that was written for a prompt which ends with the user: nothing of what the user said last is in
        it."""
        ...

    def writer(self, frame: Frame) -> StreamWriter:
        """For a client that asked for a stream."""
        ...

    def answer(
        self,
        body: bytes,
        secrets: Iterable[str] = (),
        request: ModelRequest | None = None,
        *,
        everything: bool = False,
    ) -> list[StreamEvent]:
        """A whole answer to `request`; without one, to a chat. The last event is a `Broken` unless it is complete.
        `everything`: with all that only this dialect has words for, so that `whole` can say it again. `secrets` never
        appear in a failure's message."""
        ...

    def whole(self, events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
        """For a client that did not: the JSON body, and what was left out as `StreamWriter.lost` has it."""
        ...
