"""What a client was sent of an answer, read again by whoever goes on telling it.

Rule of this module: whole server-sent events, as a provider or we wrote them. What is no JSON object was no event of
the answer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from policyroute.dialects.sse import Framer, read_event
from policyroute.dialects.stream import parse
from policyroute.dialects.translation import StreamWriter


def events_of(sent: bytes) -> Iterator[dict[str, Any]]:
    """The JSON of each event."""
    for block in Framer().feed(sent):
        _, data = read_event(block)
        value = parse(data) if data is not None else None
        if isinstance(value, dict):
            yield cast("dict[str, Any]", value)


def resumed(writer: StreamWriter, sent: bytes) -> StreamWriter:
    """`writer`, which has told nothing, goes on with an answer of which this was sent: with no call in it that is not
    whole. The answer keeps its id and its model; an end that was told is not told again."""
    for event in events_of(sent):
        writer.recall(event)
    return writer
