"""OpenAI Responses: a body as a prompt.

Rule of this module: a field that does not say what we have a word for is left as it came. Nothing is refused: `check`
came first, and what is odd is for the provider to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, cast

from policyroute.absent import ABSENT
from policyroute.dialects.extras import take_flag, take_metadata, take_number, take_text, take_texts, take_whole
from policyroute.dialects.openai_responses import written
from policyroute.dialects.openai_responses.said import turn
from policyroute.dialects.shapes import items, obj, text, without
from policyroute.request.efforts import EFFORTS
from policyroute.request.prompt import Choice, Format, Function, Other, Prompt, Text, Turn

Taken = Callable[[dict[str, Any]], Any]

OUTSIDE: Final = "input"
"""What marks, where it is absent, a turn that stood outside of the input, and a prompt whose input was a text."""
LOGPROBS: Final = "message.output_text.logprobs"


def read(data: dict[str, Any], dialect: str) -> Prompt:
    rest = without(data, "model", "stream")
    turns = (*_instructions(rest), *_input(rest))
    taken = {field: value for field, take in _TAKERS if (value := take(rest)) is not None}
    return Prompt(dialect, turns, _tools(rest), **taken, extra=rest or None)


def _instructions(rest: dict[str, Any]) -> tuple[Turn, ...]:
    said = take_text(rest, "instructions")
    return (Turn("system", (Text(said),), {OUTSIDE: ABSENT}),) if said else ()


def _input(rest: dict[str, Any]) -> tuple[Turn, ...]:
    if said := take_text(rest, "input"):
        rest["input"] = ABSENT
        return (Turn("user", (Text(said),), {"type": ABSENT}),)
    given = items(rest.get("input"))
    if not given:
        return ()
    del rest["input"]
    return tuple(map(turn, given))


def _named(take: Callable[[dict[str, Any], str], Any], name: str) -> Taken:
    return lambda rest: take(rest, name)


def _string(name: str) -> Taken:
    return lambda rest: take_text(rest, name) or None


def _inside(name: str, take: Taken) -> Taken:
    """What is taken from an object inside of the body. What is left of that is left under its name, if anything is."""

    def taken(rest: dict[str, Any]) -> Any:
        left = dict(obj(rest.get(name)))
        value = take(left)
        if value is None:
            return None
        if left:
            rest[name] = left
        else:
            del rest[name]
        return value

    return taken


def _effort(left: dict[str, Any]) -> str | None:
    return left.pop("effort") if text(left.get("effort")) in EFFORTS else None


def _format(left: dict[str, Any]) -> Format | None:
    given = dict(obj(left.get("format")))
    kind = given.pop("type", None)
    if kind in ("text", "json_object"):
        del left["format"]
        return Format(kind, extra=given or None)
    schema = given.pop("schema", None)
    if kind != "json_schema" or not isinstance(schema, dict):
        return None
    del left["format"]
    name, description, strict = take_text(given, "name"), take_text(given, "description"), take_flag(given, "strict")
    return Format("json_schema", obj(cast("Any", schema)), name, description, strict, given or None)


def _logprobs(rest: dict[str, Any]) -> int | None:
    """They are told where they are asked to be included; how many, beside that."""
    included = items(rest.get("include"))
    if included.count(LOGPROBS) != 1:
        return None
    left = [name for name in included if name != LOGPROBS]
    if left:
        rest["include"] = left
    else:
        del rest["include"]
    return take_whole(rest, "top_logprobs") or 0 if rest.get("top_logprobs") else 0


def _tools(rest: dict[str, Any]) -> tuple[Function | Other, ...]:
    given = items(rest.get("tools"))
    if given:
        del rest["tools"]
    return tuple(map(_tool, given))


def _tool(raw: dict[str, Any]) -> Function | Other:
    rest = without(raw, "type")
    name = take_text(rest, "name")
    if raw.get("type") != "function" or not name:
        return Other(text(raw.get("type")) or "tool", raw)
    parameters = rest.pop("parameters") if isinstance(rest.get("parameters"), dict) else None
    description, strict = take_text(rest, "description"), take_flag(rest, "strict")
    return Function(name, description, parameters, strict, rest or None)


def _choice(rest: dict[str, Any]) -> Choice | None:
    choice = _read_choice(rest.get("tool_choice"))
    if choice:
        del rest["tool_choice"]
    return choice


def _read_choice(given: Any) -> Choice | None:
    """None where writing it would not say the same."""
    if isinstance(given, str):
        return written.MODES.get(given)
    named = text(obj(given).get("name"))
    names = tuple(text(obj(tool).get("name")) for tool in items(obj(given).get("tools")))
    mode: Literal["auto", "required"] = "required" if named or obj(given).get("mode") == "required" else "auto"
    choice = Choice(mode, (named,) if named else names)
    return choice if written.choice(choice) == given else None


_TAKERS: Final[tuple[tuple[str, Taken], ...]] = (
    ("choice", _choice),
    ("parallel", _named(take_flag, "parallel_tool_calls")),
    ("format", _inside("text", _format)),
    ("verbosity", _inside("text", lambda left: take_text(left, "verbosity") or None)),
    ("effort", _inside("reasoning", _effort)),
    ("max_tokens", _named(take_whole, "max_output_tokens")),
    ("temperature", _named(take_number, "temperature")),
    ("top_p", _named(take_number, "top_p")),
    ("logprobs", _logprobs),
    ("modalities", _named(take_texts, "modalities")),
    ("user", _string("user")),
    ("metadata", take_metadata),
    ("service_tier", _string("service_tier")),
    ("cache_key", _string("prompt_cache_key")),
)
"""What takes each field of a prompt out of a body."""
