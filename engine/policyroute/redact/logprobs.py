"""What an answer says of its tokens, taken out of it.

Rule of this module: the probabilities of tokens spell an answer out a second time, with what was replaced in it.
Whoever changes what an answer says takes them away, as if they had not been asked for. A stream that is read as events
has none.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.dialects.shapes import items, obj, same

_LISTS: Final = ("choices", "candidates", "output", "content")
_DEEPEST: Final = 4
_GONE: Final = frozenset({"logprobsResult", "avgLogprobs"})


def without_logprobs(data: Any) -> Any:
    """A whole answer of any dialect, or what is left of one (`extra`): the same object where it says none."""
    return _without(data, _DEEPEST)


def _without(data: Any, deepest: int) -> Any:
    answer = obj(data)
    changes: dict[str, Any] = {}
    said = answer.get("logprobs")
    if said:
        changes["logprobs"] = [] if isinstance(said, list) else None
    for name in _LISTS:
        given = items(answer.get(name)) if deepest else []
        made = [_without(each, deepest - 1) for each in given]
        if not same(made, given):
            changes[name] = made
    gone = _GONE & answer.keys()
    if not (changes or gone):
        return data
    return {name: changes.get(name, value) for name, value in answer.items() if name not in gone}
