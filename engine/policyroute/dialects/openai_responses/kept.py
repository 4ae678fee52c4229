"""OpenAI Responses: what a request only refers to, because the account that it was kept by has the rest.

Rule of this module: what is not there in full can be answered by that account alone. Ciphertext stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policyroute.dialects.openai_responses.items import parts
from policyroute.dialects.shapes import items, obj

_AT_THE_TOP: Final = ("previous_response_id", "conversation", "prompt", "background")

MADE_UP: Final = "rs_policyroute"
"""How the id of a thought begins that was told by us: another dialect's, and kept by nobody."""


def kept(data: dict[str, Any]) -> str:
    """The path of the first of them; empty where the request is whole. An answer made in the background is kept too:
    where it was begun, it goes on."""
    top = next((name for name in _AT_THE_TOP if data.get(name)), "")
    return top or next(_inside(data), "")


def _inside(data: dict[str, Any]) -> Iterator[str]:
    for index, item in enumerate(items(data.get("input"))):
        kind = item.get("type")
        if kind == "item_reference" or (kind == "reasoning" and _is_only_named(item)):
            yield f"input[{index}].id"
        # Most of a long conversation is plain text, and nobody has to look into that.
        said = item.get("content", item.get("output"))
        if said and said.__class__ is not str and any(part.get("file_id") for part in parts(item)):
            yield f"input[{index}].file_id"
    for index, raw in enumerate(items(data.get("tools"))):
        tool = obj(raw)
        if tool.get("vector_store_ids"):
            yield f"tools[{index}].vector_store_ids"
        if isinstance(tool.get("container"), str):
            yield f"tools[{index}].container"


def is_made_up(item: dict[str, Any]) -> bool:
    """Whether this is a thought that no provider takes back."""
    return item.get("type") == "reasoning" and str(item.get("id")).startswith(MADE_UP)


def disowned(item: dict[str, Any]) -> dict[str, Any]:
    """An item of an answer that was ended elsewhere than it was begun. A thought of which there is nothing but the name
    was kept by nobody: whoever asks the account that began it asks in vain."""
    if item.get("type") != "reasoning" or not _is_only_named(item):
        return item
    return {**item, "id": f"{MADE_UP}_{item['id']}"}


def without_made_up(data: dict[str, Any]) -> dict[str, Any]:
    """The same body where there is none."""
    given = items(data.get("input"))
    left = [item for item in given if not is_made_up(item)]
    return data if len(left) == len(given) else {**data, "input": left}


def _is_only_named(thought: dict[str, Any]) -> bool:
    given = thought.get("encrypted_content") or thought.get("content") or is_made_up(thought)
    return bool(thought.get("id")) and not given
