"""A prompt without what only the provider that it came from, or was meant for, has a use for.

Rule of this module: what is not known to be anybody's words goes. Ids are the same for the same call through the whole
conversation, and however long it becomes; whatever is changed is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.changes import Change, Changes, plain
from policyroute.dialects.shapes import same
from policyroute.request.prompt import Call, Format, Function, Media, Other, Part, Prompt, Result, Text, Thought, Turn
from policyroute.scrub.canonical import canonical

_NEUTRAL: Final = frozenset(
    """role name type stream system input tools function_call tool_calls content title context output is_error call_id
    file custom_tool_call custom_tool_call_output arguments""".split()
)
_OF_REQUESTS: Final = _NEUTRAL | frozenset(
    "stream_options tool_choice toolConfig response_format logit_bias audio safetySettings".split()
)
"""Names in an `extra`, and in the request's own, that say how a client spells its request, or what it asks for in words
that every provider of its dialect knows."""
_OF_TOOLS: Final = frozenset({"tool_choice", "toolConfig"})
"""Those that may name a tool which is no function."""


def normalised(prompt: Prompt) -> tuple[Prompt, tuple[Change, ...]]:
    """The very prompt where nothing had to be changed, and what was."""
    changes = Changes()
    told = _Neutral(prompt, changes).prompt()
    return told, changes.all()


class _Neutral:
    def __init__(self, prompt: Prompt, changes: Changes) -> None:
        self._prompt = prompt
        self._changes = changes
        self._ids: dict[str, str] = {}
        self._calls = 0

    def prompt(self) -> Prompt:
        given = self._prompt
        changed: dict[str, Any] = {
            "turns": self._all(given.turns, self._turns()),
            "tools": self._all(given.tools, [each for tool in given.tools if (each := self._tool(tool))]),
            "format": self._format(given.format),
            "extra": self._extra(given.extra, ""),
        }
        for name in ("user", "cache_key", "metadata"):
            if said := getattr(given, name):
                self._changes.add("dropped", name)
                changed[name] = type(said)()
        if len(changed["tools"]) < len(given.tools):
            self._choose(changed)
        changed = {name: new for name, new in changed.items() if new is not getattr(given, name)}
        return replace(given, **changed) if changed else given

    def _choose(self, changed: dict[str, Any]) -> None:
        """Among the tools that are left."""
        extra: Mapping[str, Any] = changed["extra"] or {}
        if not _OF_TOOLS.isdisjoint(extra):
            self._changes.add("dropped", "tool_choice")
            changed["extra"] = {name: value for name, value in extra.items() if name not in _OF_TOOLS}
        if not changed["tools"]:
            changed["choice"] = changed["parallel"] = None

    @staticmethod
    def _all(given: tuple[Any, ...], told: list[Any]) -> tuple[Any, ...]:
        return given if same(told, given) else tuple(told)

    def _turns(self) -> list[Turn]:
        return [told for turn in self._prompt.turns if (told := self._turn(turn))]

    def _turn(self, turn: Turn) -> Turn | None:
        """A turn in which nothing is left was none."""
        parts = self._all(turn.parts, list(self._parts(turn)))
        extra = self._extra(turn.extra, "messages")
        if parts is turn.parts and extra is turn.extra:
            return turn
        return Turn(turn.role, parts, extra) if parts or not turn.parts else None

    def _parts(self, turn: Turn) -> Iterator[Part]:
        for part in turn.parts:
            if isinstance(part, Thought):
                self._changes.add("dropped", "messages.thought")
            elif told := self._part(part):
                yield told

    def _part(self, part: Part) -> Part | None:
        if isinstance(part, Other):
            self._changes.add("dropped", f"messages.{plain(part.kind)}")
            return None
        if isinstance(part, Media) and part.file_id and not (part.data or part.url):
            self._changes.add("dropped", f"messages.{part.kind}", "kept by another account")
            return None
        changed: dict[str, Any] = {"extra": self._extra(part.extra, f"messages.{type(part).__name__.lower()}")}
        if isinstance(part, Media) and part.file_id:
            changed["file_id"] = ""
        elif isinstance(part, Call):
            changed["id"] = self._called(part.id)
            changed["extra"] = _with_id(changed["extra"])
        elif isinstance(part, Result):
            changed["call_id"] = self._answered(part.call_id)
            changed["content"] = self._content(part)
        changed = {name: new for name, new in changed.items() if new is not getattr(part, name)}
        return replace(part, **changed) if changed else part

    def _content(self, part: Result) -> tuple[Any, ...]:
        told = [each for inner in part.content if (each := self._part(inner))]
        return self._all(part.content, told or ([Text("")] if part.content else []))

    # Ids --------------------------------------------------------------------------------------------------------------

    def _called(self, id_: str) -> str:
        self._calls += 1
        if not id_:
            return id_
        neutral = f"call_{self._calls}"
        self._ids[id_] = neutral
        return self._id(id_, neutral)

    def _answered(self, id_: str) -> str:
        """One that answers no call of this conversation has an id of its own."""
        if not id_:
            return id_
        return self._id(id_, self._ids.setdefault(id_, f"call_0_{len(self._ids)}"))

    def _id(self, id_: str, neutral: str) -> str:
        if id_ == neutral:
            return id_
        self._changes.add("rewritten", "messages.call.id")
        return neutral

    # Tools, and what stands around ------------------------------------------------------------------------------------

    def _tool(self, tool: Function | Other) -> Function | None:
        if isinstance(tool, Other):
            self._changes.add("dropped", f"tools.{plain(tool.kind)}")
            return None
        parameters = canonical(tool.parameters)
        if parameters is not tool.parameters:
            self._changes.add("rewritten", "tools.parameters")
        if tool.strict is not None:
            self._changes.add("dropped", "tools.strict")
        extra = self._extra(tool.extra, "tools")
        if parameters is tool.parameters and tool.strict is None and extra is tool.extra:
            return tool
        return replace(tool, parameters=parameters, strict=None, extra=extra)

    def _format(self, form: Format | None) -> Format | None:
        if form is None:
            return None
        schema, extra = canonical(form.schema), self._extra(form.extra, "response_format")
        if schema is not form.schema:
            self._changes.add("rewritten", "response_format.schema")
        if schema is form.schema and extra is form.extra:
            return form
        return replace(form, schema=schema, extra=extra)

    def _extra(self, extra: Mapping[str, Any] | None, owner: str) -> Mapping[str, Any] | None:
        """What says how something was spelled stays."""
        if not extra:
            return extra
        neutral = _NEUTRAL if owner else _OF_REQUESTS
        kept = {name: value for name, value in extra.items() if name in neutral or value is ABSENT or value is None}
        if len(kept) == len(extra):
            return extra
        for name in extra:
            if name not in kept:
                self._changes.add("dropped", f"{owner}.{plain(name)}" if owner else plain(name))
        return kept


def _with_id(extra: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Of a call that went by another id than that of its result, which is gone."""
    if extra and extra.get("call_id") is ABSENT:
        return {name: value for name, value in extra.items() if name != "call_id"}
    return extra
