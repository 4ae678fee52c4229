"""What an answer says of its tokens, taken out of it.

Rule of this module: the probabilities of tokens spell an answer out a second time, with what was replaced in it.
Whoever changes what an answer says takes them away, as if they had not been asked for. A stream that is read as events
has none.
"""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import Any, Final

from policyroute.dialects.shapes import items, obj
from policyroute.events import Broken, OtherContent, StreamEvent

_LISTS: Final = ("choices", "candidates", "output", "content")
_GONE: Final = frozenset({"logprobsResult", "avgLogprobs"})


def without_logprobs(data: Any) -> Any:
    """A whole answer of any dialect, or what is left of one (`extra`): the same object where it says none."""
    answer = obj(data)
    changes: dict[str, Any] = {}
    said = answer.get("logprobs")
    if said:
        changes["logprobs"] = [] if isinstance(said, list) else None
    for name in _LISTS:
        given = items(answer.get(name))
        made = [without_logprobs(each) for each in given]
        if not all(map(is_, given, made)):
            changes[name] = made
    gone = _GONE & answer.keys()
    if not (changes or gone):
        return data
    return {name: changes.get(name, value) for name, value in answer.items() if name not in gone}


def quiet(events: list[StreamEvent]) -> list[StreamEvent]:
    """The events of a whole answer, without what is left in them of that."""
    return [_quiet(event) for event in events]


def _quiet(event: StreamEvent) -> StreamEvent:
    if isinstance(event, Broken):
        return event
    if isinstance(event, OtherContent):
        left = without_logprobs(event.raw)
        return event if left is event.raw else replace(event, raw=left)
    left = without_logprobs(event.extra)
    return event if left is event.extra else replace(event, extra=left)
