"""Anthropic Messages: a body as a prompt.

Rule of this module: a field that does not say what we have a word for is left as it came. Nothing is refused: `check`
came first, and what is odd is for the provider to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.anthropic.parts import read_content
from policyroute.dialects.extras import nested, take_metadata, take_texts
from policyroute.dialects.shapes import items, obj, text, without
from policyroute.request.prompt import Choice, Format, Function, Other, Prompt, Turn

Rest = dict[str, Any]

EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})
_MODES: Final = {"auto": Choice("auto"), "any": Choice("required"), "none": Choice("none")}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}


def read(data: dict[str, Any], dialect: str) -> Prompt:
    rest = without(data, "model", "messages")
    if rest.get("stream") in (True, False):
        del rest["stream"]
    else:
        rest.setdefault("stream", ABSENT)
    turns = (*_system(rest), *map(_turn, data["messages"]))
    if turns[0].role == "system" and "system" not in data:
        rest["system"] = ABSENT
    taken = {field: value for field, take in _TAKERS if (value := take(rest)) is not None}
    return Prompt(dialect, turns, **taken, extra=rest or None)


def _system(rest: Rest) -> list[Turn]:
    if isinstance(rest.get("system"), str | list):
        return [Turn("system", read_content(rest.pop("system")))]
    return []


def _turn(message: dict[str, Any]) -> Turn:
    content = message.get("content")
    rest = without(message, "role", "content")
    if not isinstance(content, str | list):
        rest["content"] = message.get("content", ABSENT)
    return Turn(message["role"], read_content(content), rest or None)


def _plain(name: str) -> Callable[[Rest], Any]:
    """A field whose type `check` knows."""
    return lambda rest: rest.pop(name) if rest.get(name) is not None else None


def _thinking(rest: Rest) -> int | None:
    given = obj(rest.get("thinking"))
    kind, budget = given.get("type"), given.get("budget_tokens")
    if kind == "enabled" and isinstance(budget, int) and not isinstance(budget, bool) and budget > 0:
        nested(rest, "thinking", without(given, "type", "budget_tokens"))
        return budget
    if kind not in ("adaptive", "disabled") or "budget_tokens" in given:
        return None
    nested(rest, "thinking", without(given, "type"))
    return -1 if kind == "adaptive" else 0


def _effort(rest: Rest) -> str | None:
    given = obj(rest.get("output_config"))
    effort = text(given.get("effort"))
    if effort not in EFFORTS:
        return None
    nested(rest, "output_config", without(given, "effort"))
    return effort


def _format(rest: Rest) -> Format | None:
    """`output_format` is the older place: where it was used, the newer is marked as absent."""
    config = obj(rest.get("output_config"))
    place = config if "format" in config else rest
    older = place is rest
    given = obj(place.get("output_format" if older else "format"))
    schema = given.get("schema")
    if given.get("type") != "json_schema" or not isinstance(schema, dict):
        return None
    left = without(given, "type", "schema")
    if older:
        del rest["output_format"]
        left["output_config"] = ABSENT
    else:
        nested(rest, "output_config", without(config, "format"))
    return Format("json_schema", obj(schema), extra=left or None)


def _tools(rest: Rest) -> tuple[Function | Other, ...] | None:
    tools = items(rest.get("tools"))
    if not tools:
        return None
    del rest["tools"]
    return tuple(map(_tool, tools))


def _tool(raw: dict[str, Any]) -> Function | Other:
    kind, name = raw.get("type"), raw.get("name")
    if not isinstance(name, str) or (isinstance(kind, str) and kind != "custom"):
        return Other(text(kind) or "tool", raw)
    rest = without(raw, "name")
    if kind == "custom":
        del rest["type"]
    else:
        rest.setdefault("type", ABSENT)
    description = rest.pop("description") if text(raw.get("description")) else ""
    parameters = rest.pop("input_schema") if isinstance(raw.get("input_schema"), dict) else None
    strict = rest.pop("strict") if isinstance(raw.get("strict"), bool) else None
    return Function(name, description, parameters, strict, rest)


def _choice(rest: Rest) -> Choice | None:
    """Where more is said than there are words for, it is left whole."""
    given = obj(rest.get("tool_choice"))
    kind, name = text(given.get("type")), text(given.get("name"))
    choice = _MODES.get(kind) if "name" not in given else Choice("required", (name,)) if kind == "tool" else None
    if choice is None or (choice.names and not name) or without(given, "type", "name"):
        return None
    del rest["tool_choice"]
    return choice


def _parallel(rest: Rest) -> bool | None:
    given = obj(rest.get("tool_choice"))
    one = given.get("disable_parallel_tool_use")
    if not isinstance(one, bool) or "type" not in given:
        return None
    nested(rest, "tool_choice", without(given, "disable_parallel_tool_use"))
    return not one


def _user(rest: Rest) -> str | None:
    given = obj(rest.get("metadata"))
    user = text(given.get("user_id"))
    if user:
        nested(rest, "metadata", without(given, "user_id"))
    return user or None


def _tier(rest: Rest) -> str | None:
    tier = _TIERS.get(text(rest.get("service_tier")))
    if tier:
        del rest["service_tier"]
    return tier


_TAKERS: Final[tuple[tuple[str, Callable[[Rest], Any]], ...]] = (
    ("tools", _tools),
    ("parallel", _parallel),
    ("choice", _choice),
    ("format", _format),
    ("max_tokens", _plain("max_tokens")),
    ("temperature", _plain("temperature")),
    ("top_p", _plain("top_p")),
    ("top_k", _plain("top_k")),
    ("stop", lambda rest: take_texts(rest, "stop_sequences")),
    ("effort", _effort),
    ("thinking_tokens", _thinking),
    ("user", _user),
    ("metadata", take_metadata),
    ("service_tier", _tier),
)
"""What takes each field of a prompt out of a body."""
