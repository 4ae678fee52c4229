"""Every string that a prompt carries, seen and rewritten by one walk.

Rule of this module: what is read and what is rewritten is the same list, in the same order; a prompt in which nothing
is changed is the very prompt. What is taken out leaves a prompt that every dialect can write.
"""

from __future__ import annotations

import base64
import binascii
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from policyroute.dialects.shapes import obj, same
from policyroute.request.prompt import (
    Call,
    Format,
    Function,
    Media,
    Other,
    Part,
    Prompt,
    Refusal,
    Result,
    Text,
    Thought,
    Turn,
)
from policyroute.scrub.nested import WITHHELD, Schema, Stuck, json_text, leaves
from policyroute.scrub.segment import Kind, Origin, Role, Segment

_T = TypeVar("_T")
_C = TypeVar("_C", Call, Result, Media, Function, Format)

Visit = Callable[[Segment], str | None]
"""What is said in the place of a segment: its own text if nothing is to change, None for nothing at all."""

_TEXTUAL: Final = ("text/", "application/json", "application/xml", "application/x-yaml", "application/yaml")
_ORIGINS: Final[Mapping[Role, Origin]] = {"assistant": "model", "tool": "tool"}


def segments(prompt: Prompt) -> list[Segment]:
    """All of them, in order, unlabelled."""
    found: list[Segment] = []

    def visit(segment: Segment) -> str:
        found.append(segment)
        return segment.text

    rewritten(prompt, visit)
    return found


def rewritten(prompt: Prompt, visit: Visit) -> Prompt:
    """Raises Stuck where something was taken out that has to be there."""
    return _Walk(prompt, visit).prompt()


class _Walk:
    def __init__(self, prompt: Prompt, visit: Visit) -> None:
        self._prompt = prompt
        self._visit = visit
        self._about: Mapping[str, Any] = {**_metadata(prompt.extra), **prompt.metadata}
        """What is said of what is walked through now."""
        self._request = self._about
        self._role: Role = "request"
        self._name = ""

    def prompt(self) -> Prompt:
        given = self._prompt
        changes: dict[str, Any] = {
            "turns": _kept(given.turns, [self._turn(turn, f"turns[{at}]") for at, turn in enumerate(given.turns)]),
        }
        self._role, self._about = "request", self._request
        changes["tools"] = _kept(given.tools, [self._tool(tool, f"tools[{at}]") for at, tool in enumerate(given.tools)])
        self._name = ""
        if given.format is not None:
            changes["format"] = self._format(given.format)
        stop = [self._at(f"stop[{at}]", "stop", said) for at, said in enumerate(given.stop)]
        changes["stop"] = _kept(given.stop, stop)
        if given.user:
            changes["user"] = self._at("user", "user_id", given.user) or ""
        if given.cache_key:
            changes["cache_key"] = self._at("cache_key", "id", given.cache_key) or ""
        if given.metadata:
            changes["metadata"] = leaves(dict(given.metadata), "metadata", self._at, "metadata", keep=False)
            if changes["metadata"] == given.metadata:
                changes["metadata"] = given.metadata
        changes["extra"] = self._extra(given.extra, "extra")
        changed = {name: new for name, new in changes.items() if new is not getattr(given, name)}
        return replace(given, **changed) if changed else given

    # One string -------------------------------------------------------------------------------------------------------

    def _at(self, path: str, kind: Kind, text: str) -> str | None:
        """The very string where it is left as it is; empty ones are not shown to anybody."""
        if not text:
            return text
        origin: Origin = _ORIGINS.get(self._role, "client")
        said = self._visit(Segment(path, self._role, kind, text, origin, self._name, self._about))
        return text if said == text else said

    def _must(self, path: str, kind: Kind, text: str) -> str:
        said = self._at(path, kind, text)
        if said is None:
            raise Stuck(path)
        return said

    def _extra(self, extra: Mapping[str, Any] | None, path: str) -> Mapping[str, Any] | None:
        return leaves(extra, path, self._at, "other", keep=False) if extra else extra

    # The conversation -------------------------------------------------------------------------------------------------

    def _turn(self, turn: Turn, path: str) -> Turn | None:
        self._role = turn.role
        said = _metadata(turn.extra)
        self._about = ChainMap(said, self._request) if said else self._request
        parts = _kept(turn.parts, [self._part(part, f"{path}.parts[{at}]") for at, part in enumerate(turn.parts)])
        self._role = turn.role
        extra = self._extra(turn.extra, f"{path}.extra")
        if parts is turn.parts and extra is turn.extra:
            return turn
        if not parts and turn.parts:
            if turn.role == "system":
                return None
            parts = (Text(WITHHELD),)
        return Turn(turn.role, parts, extra)

    def _part(self, part: Part, path: str) -> Part | None:
        told: Part | None
        match part:
            case Text():
                told = self._spoken(part, path, "result" if self._role == "tool" else "text")
            case Thought():
                told = self._spoken(part, path, "reasoning")
            case Refusal():
                told = self._spoken(part, path, "refusal")
            case Media():
                told = self._media(part, path)
            case Call():
                told = self._call(part, path)
            case Result():
                told = self._result(part, path)
            case Other():
                raw = leaves(part.raw, f"{path}.raw", self._at, "other", keep=True)
                told = part if raw is part.raw else replace(part, raw=raw)
        return told

    def _spoken(self, part: Text | Thought | Refusal, path: str, kind: Kind) -> Part | None:
        said = self._at(f"{path}.text", kind, part.text)
        extra = self._extra(part.extra, f"{path}.extra") if part.extra else part.extra
        if said is part.text and extra is part.extra:
            return part
        return None if said is None else replace(part, text=said, extra=extra)

    def _call(self, part: Call, path: str) -> Call:
        self._name = part.name
        changes: dict[str, Any] = {
            "id": self._must(f"{path}.id", "id", part.id),
            "name": self._must(f"{path}.name", "tool_name", part.name),
            "arguments": "{}"
            if (said := json_text(part.arguments, f"{path}.arguments", self._at, "arguments")) is None
            else said,
            "extra": self._extra(part.extra, f"{path}.extra"),
        }
        self._name = ""
        return _changed(part, changes)

    def _result(self, part: Result, path: str) -> Result:
        before, self._role, self._name = self._role, "tool", part.name
        content = _kept(
            part.content,
            [self._part(each, f"{path}.content[{at}]") for at, each in enumerate(part.content)],
        )
        if part.content and not content:
            content = (Text(WITHHELD),)
        changes: dict[str, Any] = {
            "call_id": self._must(f"{path}.call_id", "id", part.call_id),
            "name": self._must(f"{path}.name", "tool_name", part.name),
            "content": content,
            "extra": self._extra(part.extra, f"{path}.extra"),
        }
        self._role, self._name = before, ""
        return _changed(part, changes)

    def _media(self, part: Media, path: str) -> Media | None:
        """What is not text is one string of letters that nobody reads: it is not visited."""
        changes: dict[str, Any] = {
            "data": self._file(part, f"{path}.data"),
            "url": self._at(f"{path}.url", "url", part.url),
            "file_id": self._at(f"{path}.file_id", "id", part.file_id),
            "name": self._at(f"{path}.name", "file_name", part.name) or "",
            "extra": self._extra(part.extra, f"{path}.extra"),
        }
        if changes["data"] is None or changes["url"] is None or changes["file_id"] is None:
            return None
        return _changed(part, changes)

    def _file(self, part: Media, path: str) -> str | None:
        text = _decoded(part)
        if not text:
            return part.data
        said = self._at(path, "file", text)
        if said is None or said == text:
            return None if said is None else part.data
        return base64.b64encode(said.encode("utf-8", "surrogatepass")).decode("ascii")

    # Tools and the form of the answer ---------------------------------------------------------------------------------

    def _tool(self, tool: Function | Other, path: str) -> Function | Other | None:
        """One whose name is taken out is not offered."""
        if isinstance(tool, Other):
            raw = leaves(tool.raw, f"{path}.raw", self._at, "other", keep=True)
            return tool if raw is tool.raw else replace(tool, raw=raw)
        self._name = tool.name
        name = self._at(f"{path}.name", "tool_name", tool.name)
        changes: dict[str, Any] = {
            "name": name,
            "description": self._at(f"{path}.description", "tool_description", tool.description) or "",
            "parameters": Schema("parameter", self._at).visited(tool.parameters, f"{path}.parameters"),
            "extra": self._extra(tool.extra, f"{path}.extra"),
        }
        return None if name is None else _changed(tool, changes)

    def _format(self, form: Format) -> Format:
        schema = Schema("schema", self._at).visited(form.schema, "format.schema")
        changes: dict[str, Any] = {
            "name": self._at("format.name", "schema_name", form.name) or "",
            "description": self._at("format.description", "schema_doc", form.description) or "",
            "schema": schema,
            "extra": self._extra(form.extra, "format.extra"),
        }
        return _changed(form, changes)


def _decoded(part: Media) -> str:
    """The text of a file that comes with the request; empty where it is none."""
    if not part.data or not part.mime.lower().startswith(_TEXTUAL):
        return ""
    try:
        return base64.b64decode(part.data, validate=False).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _metadata(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    found = (extra or {}).get("metadata")
    return obj(found)


def _kept(given: tuple[_T, ...], told: list[Any]) -> tuple[_T, ...]:
    """Without those that are gone; the very tuple where none is and all are the same."""
    if same(told, given):
        return given
    return tuple(each for each in told if each is not None)


def _changed(given: _C, fields: dict[str, Any]) -> _C:
    changed = {name: new for name, new in fields.items() if new is not getattr(given, name)}
    return replace(given, **changed) if changed else given
