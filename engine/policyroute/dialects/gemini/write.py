"""Gemini: a `Prompt` as a body.

Rule of this module: everything that is said is said in Gemini's words, or a `Change` says that it is not. The prompts
of this dialect are written as they were read, in camelCase and without a model: that is in the path.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.changes import Changes, plain
from policyroute.dialects.gemini.contents import Contents
from policyroute.dialects.gemini.knobs import written_config
from policyroute.dialects.gemini.left import put_back
from policyroute.dialects.gemini.spelling import many
from policyroute.dialects.translation import Written
from policyroute.request.prompt import Choice, Extra, Function, Prompt
from policyroute.schemas import Told

_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TIERS: Final = {"flex": "flex", "priority": "priority", "default": "standard", "standard": "standard"}
_CATEGORIES: Final = {
    "harassment": "HARM_CATEGORY_HARASSMENT",
    "hate": "HARM_CATEGORY_HATE_SPEECH",
    "sexual": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "dangerous": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "civic": "HARM_CATEGORY_CIVIC_INTEGRITY",
}
_THRESHOLDS: Final = {
    "none": "BLOCK_NONE",
    "high": "BLOCK_ONLY_HIGH",
    "medium": "BLOCK_MEDIUM_AND_ABOVE",
    "low": "BLOCK_LOW_AND_ABOVE",
    "off": "OFF",
}


def write(prompt: Prompt, own: bool) -> Written:
    changes = Changes()
    contents = Contents(prompt, own, changes)
    data: dict[str, Any] = {"contents": contents.turns}
    if contents.system is not None:
        data["systemInstruction"] = contents.system
    tools = _tools(prompt, own, changes)
    if tools:
        data["tools"] = tools
    if prompt.choice is not None and not own and not tools:
        changes.add("dropped", "tool_choice")
    elif prompt.choice is not None:
        data["toolConfig"] = {"functionCallingConfig": _choice(prompt.choice)}
    config = written_config(prompt, own, changes)
    if config:
        data["generationConfig"] = config
    _account(prompt, own, data, changes)
    extra: dict[str, Any] = dict(prompt.extra or {}) if own else {}
    settings = _safety(prompt, extra, changes)
    put_back(data, extra)
    return Written(data | settings, changes.all())


def _account(prompt: Prompt, own: bool, data: dict[str, Any], changes: Changes) -> None:
    """Labels only Vertex AI takes, so that they are nothing to send for a client who does not ask for them by name."""
    tier = prompt.service_tier if own else _TIERS.get(prompt.service_tier or "")
    if tier:
        data["serviceTier"] = tier
    if own and prompt.metadata:
        data["labels"] = dict(prompt.metadata)
    gone = {
        "metadata": not own and prompt.metadata,
        "service_tier": prompt.service_tier not in (None, "auto") and not tier,
        "user": prompt.user,
        "cache_key": prompt.cache_key,
        "parallel": prompt.parallel is False and prompt.tools,
    }
    for field, is_gone in gone.items():
        if is_gone:
            changes.add("dropped", field)


def _tools(prompt: Prompt, own: bool, changes: Changes) -> list[dict[str, Any]]:
    """Functions in one object, where the first of them was declared."""
    found: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    for tool in prompt.tools:
        if isinstance(tool, Function):
            if not functions:
                found.append({"functionDeclarations": functions})
            functions.append(_function(tool, tool.extra if own else None))
            if tool.strict:
                changes.add("dropped", "tools.strict")
        elif own:
            found.append(tool.raw)
    return found


def _function(tool: Function, extra: Extra | None) -> dict[str, Any]:
    said: dict[str, Any] = {"name": tool.name}
    if tool.description:
        said["description"] = tool.description
    if isinstance(tool.parameters, Told):
        said["parameters"] = tool.parameters.words
    elif tool.parameters is not None:
        said["parametersJsonSchema"] = tool.parameters
    return put_back(said, extra)


def _choice(choice: Choice) -> dict[str, Any]:
    """Names are taken with `ANY` alone."""
    said: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.names:
        said["allowedFunctionNames"] = list(choice.names)
    return said


def _safety(prompt: Prompt, extra: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """What a policy asks for goes over what the client asked for in the same category."""
    settings: dict[str, dict[str, Any]] = {}
    for category, threshold in prompt.safety.items():
        if category in _CATEGORIES and threshold in _THRESHOLDS:
            name = _CATEGORIES[category]
            settings[name] = {"category": name, "threshold": _THRESHOLDS[threshold]}
        else:
            changes.add("dropped", f"safety.{plain(category)}")
    if not settings:
        return {}
    spelled = next((name for name in ("safetySettings", "safety_settings") if extra.get(name) is not None), "")
    asked = [each for each in many(extra.pop(spelled, None)) if each.get("category") not in settings]
    return {"safetySettings": [*asked, *settings.values()]}
