"""OpenAI Responses: where in the input there is text.

Rule of this module: the one walk that reading and rewriting share, so that no rule reads a text that another cannot
change. A thought is no such text: changed, it would not be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policyroute.dialects.shapes import items, obj, text

SYSTEM: Final = ("system", "developer")
_IN_PART: Final = ("text", "refusal", "stdout", "stderr")
"""The keys under which a part of a content has text; a shell's output has two."""

Place = tuple[dict[str, Any], str]
"""What holds a text, and under which key."""


def given(data: dict[str, Any]) -> list[Any]:
    """The items of the input. A text is the one message of the user that it stands for."""
    said = data.get("input")
    return [{"role": "user", "content": said}] if isinstance(said, str) else items(said)


def kind_of(item: dict[str, Any]) -> str:
    """A message need not say that it is one."""
    return text(item.get("type")) or "message"


def is_plain(item: dict[str, Any]) -> bool:
    """A role and a text, and nothing else: nearly every message."""
    said = item.get("content")
    return len(item) == 2 and said.__class__ is str and said != "" and item.get("role") in ("user", "assistant")


def is_system(item: dict[str, Any]) -> bool:
    return kind_of(item) == "message" and item.get("role") in SYSTEM


def spoken(data: dict[str, Any]) -> list[Place]:
    """What holds everything that is said in a body."""
    said: list[Place] = [(data, "instructions")]
    if isinstance(data.get("input"), str):
        said.append((data, "input"))
    for item in items(data.get("input")):
        key = said_in(item)
        if key:
            said.append((item, key))
    return [*said, *_variables(data)]


def said_in(item: dict[str, Any]) -> str:
    """The key under which an item says what rules may judge: a message its content, a tool's result its output."""
    kind = kind_of(item)
    if kind == "message":
        return "content"
    return "" if kind == "reasoning" or "output" not in item else "output"


def _variables(data: dict[str, Any]) -> Iterator[Place]:
    """What is filled into a prompt that the provider keeps."""
    variables = obj(obj(data.get("prompt")).get("variables"))
    for name, value in variables.items():
        yield (variables, name) if isinstance(value, str) else (obj(value), "text")


def places(holder: dict[str, Any], key: str) -> Iterator[Place]:
    """Where text is in what stands under this key: the string itself, or in the parts of an array."""
    content = holder.get(key)
    if isinstance(content, str):
        yield holder, key
    for part in items(content):
        fields = obj(part)
        yield from ((fields, name) for name in _IN_PART if isinstance(fields.get(name), str))


def text_of(holder: dict[str, Any], key: str) -> str:
    """All of it, joined by newlines."""
    return "\n".join([found for place, at in places(holder, key) if (found := place[at])])


def variables_of(data: dict[str, Any]) -> str:
    return "\n".join([text_of(holder, key) for holder, key in _variables(data)])


def parts(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a message or of a tool's result; a screenshot is a result of its own."""
    content: Any = item.get(said_in(item))
    alone: list[Any] = [content]
    return map(obj, items(content) or alone)
