"""Tools as a target takes them: names, schemas, and whether one must be called.

Rule of this module: a tool that has to go by another name goes by it everywhere, and the client hears its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from policyroute.adapt.schema import in_its_words
from policyroute.catalogue import Traits
from policyroute.changes import Changes
from policyroute.dialects.turns import after_opening
from policyroute.request.prompt import Call, Choice, Function, Part, Prompt, Result
from policyroute.schemas import PLAIN, SUBSETS, may_leave_out

_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_MARK: Final = 8
"""Letters that tell apart two names which would be cut alike."""


def fitted(prompt: Prompt, traits: Traits, changes: Changes) -> tuple[Prompt, Mapping[str, str]]:
    """The prompt, and the names that were changed: the new one to the client's."""
    renamed = _names(prompt, traits)
    if renamed:
        changes.add("renamed", "tools")
        prompt = _by_other_names(prompt, renamed)
    tools = tuple(_schema(tool, traits, changes) if isinstance(tool, Function) else tool for tool in prompt.tools)
    if any(one is not other for one, other in zip(tools, prompt.tools, strict=True)):
        prompt = replace(prompt, tools=tools)
    return _chosen(prompt, traits, changes), {new: old for old, new in renamed.items()}


def _names(prompt: Prompt, traits: Traits) -> dict[str, str]:
    """The client's name to the one it goes by there, of those that cannot stay."""
    found: dict[str, str] = {}
    for tool in prompt.tools:
        if isinstance(tool, Function):
            name = _ODD.sub("_", tool.name)
            if name != tool.name or len(name) > traits.tool_name_max:
                mark = hashlib.sha256(tool.name.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
                found[tool.name] = f"{name[: traits.tool_name_max - _MARK - 1]}_{mark}"
    return found


def _by_other_names(prompt: Prompt, renamed: Mapping[str, str]) -> Prompt:
    def called(part: Part) -> Part:
        if isinstance(part, Call | Result) and part.name in renamed:
            return replace(part, name=renamed[part.name])
        return part

    choice = prompt.choice
    if choice is not None and choice.names:
        choice = Choice(choice.mode, tuple(renamed.get(name, name) for name in choice.names))
    return replace(
        prompt,
        tools=tuple(
            replace(tool, name=renamed.get(tool.name, tool.name)) if isinstance(tool, Function) else tool
            for tool in prompt.tools
        ),
        turns=tuple(replace(turn, parts=tuple(map(called, turn.parts))) for turn in prompt.turns),
        choice=choice,
    )


def _schema(tool: Function, traits: Traits, changes: Changes) -> Function:
    """A strict tool is held to its schema, which then must be in the words that the target enforces. Where that would
    ask for more than the client did, it is not held."""
    if tool.parameters is None:
        return tool
    if tool.strict and SUBSETS[traits.schema].complete and may_leave_out(tool.parameters):
        changes.add("dropped", "tools.strict", "fields may be left out")
        return replace(tool, strict=False)
    held = tool.strict or SUBSETS[traits.schema].tells
    schema, unsaid = in_its_words(tool.parameters, traits.schema if held else PLAIN.name)
    if schema is tool.parameters:
        return tool
    changes.add("rewritten", "tools.parameters", " ".join(unsaid))
    return replace(tool, parameters=schema)


def _chosen(prompt: Prompt, traits: Traits, changes: Changes) -> Prompt:
    choice = prompt.choice
    if prompt.parallel is not None and not traits.parallel_tools:
        changes.add("dropped", "parallel_tool_calls")
        prompt = replace(prompt, parallel=None)
    if choice is None or choice.mode != "required" or traits.tool_choice:
        return prompt
    changes.add("emulated", "tool_choice")
    names = " or ".join(f"`{name}`" for name in choice.names)
    said = f"Answer by calling the tool {names}." if names else "Answer by calling one of the tools."
    return replace(prompt, choice=Choice("auto"), turns=after_opening(prompt.turns, said))
