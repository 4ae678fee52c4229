"""Gemini: of a whole answer, what no event has a name for.

Rule of this module: nothing is empty for None: that there is a rest at all says that the event was read whole.
"""

from __future__ import annotations

from typing import Any

from policyroute.dialects.gemini.left import Left
from policyroute.dialects.shapes import count, items, obj, without

_COUNTED = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")


def rest_of_answer(response: dict[str, Any]) -> dict[str, Any]:
    named = [name for name in ("responseId", "modelVersion") if isinstance(response.get(name), str) and response[name]]
    listed = ("candidates",) if items(response.get("candidates")) else ()
    counted = ("usageMetadata",) if obj(response.get("usageMetadata")) else ()
    return without(response, *named, *listed, *counted)


def rest_of_candidate(candidate: dict[str, Any]) -> dict[str, Any]:
    """Index and reason too: several are told as one."""
    left = Left(candidate)
    content = left.inner("content")
    if content is not None:
        if items(content.fields.get("parts")):
            content.drop("parts")
            left.keep("content", content, mapped=True)
        else:
            left.keep("content", content)
    return left.fields


def rest_of_call(part: dict[str, Any], called: dict[str, Any]) -> dict[str, Any]:
    left = Left(part)
    left.drop("functionCall")
    said = Left(called)
    for name, kind in (("id", str), ("name", str), ("args", dict)):
        if isinstance(called.get(name), kind) and (called[name] or kind is dict):
            said.drop(name)
    left.keep("functionCall", said, mapped=True)
    return left.fields


def rest_of_usage(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if name not in _COUNTED or not count(value)}
