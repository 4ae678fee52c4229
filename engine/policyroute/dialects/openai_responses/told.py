"""OpenAI Responses, telling answers: a whole one.

Rule of this module: a whole answer is what its stream ends with; one that was read whole from this dialect is told as
it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyroute.dialects.openai_responses import kept_answer
from policyroute.dialects.openai_responses.stream_writer import Gathering
from policyroute.dialects.shapes import dumps
from policyroute.dialects.translation import Frame
from policyroute.events import Started, StreamEvent


def whole(events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
    own = next((event.extra for event in events if isinstance(event, Started) and event.extra is not None), None)
    if own is not None:
        return dumps(kept_answer.told(own, events)), set()
    writer = Gathering(frame)
    writer.write(events)
    writer.end()
    return dumps(writer.response), writer.lost
