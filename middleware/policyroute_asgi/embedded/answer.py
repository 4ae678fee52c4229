"""What the embedded provider has to say to a request: words, a tool call, JSON or a refusal.

Rule of this module: the same request always gets the same answer, and the answer shows which model gave it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from policyroute import ModelRequest
from policyroute.dialects.gemini.schema import standard
from policyroute.dialects.gemini.spelling import either, many
from policyroute.dialects.shapes import items, obj, text
from policyroute_asgi.embedded.behaviour import Behaviour
from policyroute_asgi.embedded.instance import instance

_LONGEST_ECHO: Final = 400
_LONGEST: Final = 100_000
_MOST_CALLS: Final = 100
_PIECE: Final = re.compile(r"\s+|\S+\s*")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `field` is where its text goes: `content`, `refusal`, or `arguments` of a call of the tool `tool`,
    which is called `calls` times. `cut`: the token limit was reached before its end."""

    id: str
    field: str
    said: str
    tool: str = ""
    calls: int = 1
    cut: bool = False

    @property
    def pieces(self) -> list[str]:
        """The text word by word, as a stream gives it."""
        return _PIECE.findall(self.said)

    @property
    def tokens(self) -> int:
        return max(1, len(self.pieces)) * self.calls

    def call_id(self, number: int) -> str:
        return f"{self.id[:16]}{number or ''}"


def answer(request: ModelRequest, behaviour: Behaviour) -> Answer:
    """What a request gets that is answered at all."""
    said = _uncut(request, behaviour)
    if behaviour.name != "truncated":
        return said
    pieces = said.pieces
    most = int(min(behaviour.number, len(pieces)))
    return replace(said, said="".join(pieces[:most]), cut=most < len(pieces))


def _uncut(request: ModelRequest, behaviour: Behaviour) -> Answer:
    id = hashlib.sha256(request.body).hexdigest()[:24]
    if behaviour.name == "refuse":
        return Answer(id, "refusal", "I cannot help with that.")
    if behaviour.name == "empty":
        return Answer(id, "content", "")
    tool = _forced_tool(request)
    if tool is not None:
        schema = (
            obj(tool.get("parameters")) or obj(tool.get("input_schema")) or obj(either(tool, "parametersJsonSchema"))
        )
        arguments = _broken(json.dumps(obj(instance(standard(schema)))), behaviour)
        return Answer(id, "arguments", arguments, text(tool.get("name")), _calls(request, behaviour))
    form = request.response_format
    if form and form.type.startswith("json"):
        wanted = instance(dict(form.schema)) if form.schema else {"answer": _echo(request)}
        return Answer(id, "content", _broken(json.dumps(wanted), behaviour))
    if behaviour.name == "long":
        words = (f"word{number}" for number in range(1, int(min(behaviour.number, _LONGEST)) + 1))
        return Answer(id, "content", " ".join(words))
    return Answer(id, "content", _broken(f"{request.model} says: {_echo(request)}", behaviour))


def _calls(request: ModelRequest, behaviour: Behaviour) -> int:
    if behaviour.name != "parallel" or request.prompt.parallel is False:
        return 1
    return int(max(1, min(behaviour.number, _MOST_CALLS)))


def _echo(request: ModelRequest) -> str:
    said = request.last_user
    return said if len(said) <= _LONGEST_ECHO else f"{said[:_LONGEST_ECHO]}…"


def _broken(said: str, behaviour: Behaviour) -> str:
    return said[: max(1, len(said) // 2)] if behaviour.name == "broken-schema" else said


def _forced_tool(request: ModelRequest) -> dict[str, Any] | None:
    """The tool that must be called, if one must: the one named, else the first."""
    choice = request.tool_choice
    if not choice or choice in ("auto", "none"):
        return None
    # Those of Chat stand in a `function`, Gemini's several in one, the others for themselves; what the provider runs
    # itself has no schema.
    tools = [obj(tool) for tool in items(request.data.get("tools"))]
    declared = [one for tool in tools for one in _declared(tool)]
    functions = (tool for tool in declared if "input_schema" in tool or tool.get("type", "function") == "function")
    named = (tool for tool in functions if choice in ("required", tool.get("name")))
    return next(named, None)


def _declared(tool: dict[str, Any]) -> list[dict[str, Any]]:
    functions = either(tool, "functionDeclarations")
    return [obj(tool.get("function")) or tool] if functions is None else many(functions)
