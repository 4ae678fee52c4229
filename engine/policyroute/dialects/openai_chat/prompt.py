"""OpenAI Chat Completions: a body as a prompt.

Rule of this module: a field that does not say what we have a word for is left as it came. Nothing is refused: `check`
came first, and what is odd is for the provider to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from policyroute.absent import ABSENT
from policyroute.dialects.extras import nested, take_flag, take_metadata, take_number, take_text, take_texts, take_whole
from policyroute.dialects.openai_chat import said, written
from policyroute.dialects.openai_chat.said import take_type
from policyroute.dialects.shapes import is_whole, items, obj, text
from policyroute.request.efforts import EFFORTS
from policyroute.request.prompt import Choice, Format, Function, Other, Prompt

Taken = Callable[[dict[str, Any]], Any]

NEWER: Final = "max_completion_tokens"
OTHER: Final = "random_seed"
"""Other names of `max_tokens` and `seed`."""


def read(data: dict[str, Any], dialect: str) -> Prompt:
    rest = {name: value for name, value in data.items() if name not in ("model", "messages", "stream")}
    tools = _tools(rest)
    taken = {field: value for field, take in _TAKERS if (value := take(rest)) is not None}
    turns = tuple(map(said.turn, data["messages"]))
    return Prompt(dialect, turns, tools, **taken, extra=rest or None)


def _named(take: Callable[[dict[str, Any], str], Any], name: str) -> Taken:
    return lambda rest: take(rest, name)


def _string(name: str) -> Taken:
    return lambda rest: take_text(rest, name) or None


def _spelled(rest: dict[str, Any]) -> dict[str, str] | None:
    """The newer name for the limit wins over the older, our own for the seed over the other. What the name that lost
    says is left."""
    found: dict[str, str] = {}
    if is_whole(rest.get(NEWER)):
        found["max_tokens"] = NEWER
    if "seed" not in rest and is_whole(rest.get(OTHER)):
        found["seed"] = OTHER
    return found or None


def _max_tokens(rest: dict[str, Any]) -> int | None:
    newer = take_whole(rest, NEWER)
    return take_whole(rest, "max_tokens") if newer is None else newer


def _seed(rest: dict[str, Any]) -> int | None:
    return take_whole(rest, "seed" if "seed" in rest else OTHER)


def _stop(rest: dict[str, Any]) -> tuple[str, ...] | None:
    one = take_text(rest, "stop")
    return (one,) if one else take_texts(rest, "stop")


def _logprobs(rest: dict[str, Any]) -> int | None:
    if rest.get("logprobs") is not True:
        return None
    del rest["logprobs"]
    return take_whole(rest, "top_logprobs") or 0 if rest.get("top_logprobs") else 0


def _effort(rest: dict[str, Any]) -> str | None:
    """By its own name, or in the object `reasoning` of those who ask for more there."""
    if _known(rest.get("reasoning_effort")):
        return cast("str", rest.pop("reasoning_effort"))
    left = dict(obj(rest.get("reasoning")))
    if "reasoning_effort" in rest or not _known(left.get("effort")):
        return None
    rest["reasoning_effort"] = ABSENT
    effort: str = left.pop("effort")
    rest["reasoning"] = left
    return effort


def _known(effort: Any) -> bool:
    return isinstance(effort, str) and effort in EFFORTS


def _format(rest: dict[str, Any]) -> Format | None:
    given = dict(obj(rest.get("response_format")))
    kind = given.pop("type", None)
    if kind in ("text", "json_object"):
        del rest["response_format"]
        return Format(kind, extra=given or None)
    left = dict(obj(given.get("json_schema")))
    schema = left.pop("schema", None)
    if kind != "json_schema" or not isinstance(schema, dict):
        return None
    del rest["response_format"]
    name, description, strict = take_text(left, "name"), take_text(left, "description"), take_flag(left, "strict")
    nested(given, "json_schema", left)
    return Format("json_schema", obj(schema), name, description, strict, given or None)


def _tools(rest: dict[str, Any]) -> tuple[Function | Other, ...]:
    """Where functions came by their older name, the newer one is marked as absent."""
    if given := items(rest.get("tools")):
        del rest["tools"]
        return tuple(map(_tool, given))
    legacy = items(rest.get("functions"))
    if not legacy or "tools" in rest:
        return ()
    del rest["functions"]
    rest["tools"] = ABSENT
    return tuple(_tool({"type": "function", "function": function}) for function in legacy)


def _tool(raw: dict[str, Any]) -> Function | Other:
    rest, left = dict(raw), dict(obj(raw.get("function")))
    name = take_text(left, "name")
    if not name or not take_type(rest, "function"):
        return Other(text(raw.get("type")) or "tool", raw)
    parameters = left.pop("parameters") if isinstance(left.get("parameters"), dict) else None
    description, strict = take_text(left, "description"), take_flag(left, "strict")
    nested(rest, "function", left)
    return Function(name, description, parameters, strict, rest or None)


def _choice(rest: dict[str, Any]) -> Choice | None:
    if rest.get("tools") is ABSENT:
        if "tool_choice" in rest:
            return None
        called = rest.get("function_call")
        choice = _read_choice({"type": "function", "function": called} if isinstance(called, dict) else called)
        if choice:
            del rest["function_call"]
        return choice
    choice = _read_choice(rest.get("tool_choice"))
    if choice:
        del rest["tool_choice"]
    return choice


def _read_choice(given: Any) -> Choice | None:
    """None where writing it would not say the same."""
    if isinstance(given, str):
        return written.MODES.get(given)
    named = text(obj(obj(given).get("function")).get("name"))
    subset = obj(obj(given).get("allowed_tools"))
    names = tuple(text(obj(obj(tool).get("function")).get("name")) for tool in items(subset.get("tools")))
    mode = subset.get("mode")
    choice = Choice("required", (named,)) if named else Choice("required" if mode == "required" else "auto", names)
    return choice if written.choice(choice) == given else None


_TAKERS: Final[tuple[tuple[str, Taken], ...]] = (
    ("spelled", _spelled),
    ("choice", _choice),
    ("parallel", _named(take_flag, "parallel_tool_calls")),
    ("format", _format),
    ("max_tokens", _max_tokens),
    ("temperature", _named(take_number, "temperature")),
    ("top_p", _named(take_number, "top_p")),
    ("top_k", _named(take_whole, "top_k")),
    ("stop", _stop),
    ("seed", _seed),
    ("presence_penalty", _named(take_number, "presence_penalty")),
    ("frequency_penalty", _named(take_number, "frequency_penalty")),
    ("logprobs", _logprobs),
    ("n", _named(take_whole, "n")),
    ("effort", _effort),
    ("verbosity", _string("verbosity")),
    ("modalities", _named(take_texts, "modalities")),
    ("user", _string("user")),
    ("metadata", take_metadata),
    ("service_tier", _string("service_tier")),
    ("cache_key", _string("prompt_cache_key")),
)
"""What takes each field of a prompt out of a body, once its tools have been."""
