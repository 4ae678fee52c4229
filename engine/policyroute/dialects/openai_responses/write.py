"""OpenAI Responses: a prompt as a body.

Rule of this module: a prompt that was read from this dialect is written as it was; of any other only what the API has
words for. Nobody who speaks another dialect asked for the answer to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.openai import TIERS, effort_told
from policyroute.dialects.openai_responses import again, written
from policyroute.dialects.openai_responses.foreign import Telling
from policyroute.dialects.openai_responses.kept import is_made_up
from policyroute.dialects.openai_responses.prompt import LOGPROBS, OUTSIDE
from policyroute.dialects.shapes import items, obj
from policyroute.dialects.translation import Written
from policyroute.request.prompt import Format, Function, Other, Prompt, Text, Turn

_ALIKE: Final = {
    "parallel": "parallel_tool_calls",
    "max_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""Fields of a prompt whose value is written as it is, and their names here."""
_LEAST: Final = 16
"""Fewer tokens may not be asked for."""
_NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def write(prompt: Prompt, model: str, stream: bool, *, own: bool) -> Written:
    return Written(_own(prompt, model, stream), ()) if own else _foreign(prompt, model, stream)


def _common(prompt: Prompt, model: str, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model}
    if stream:
        body["stream"] = True
    for field, name in _ALIKE.items():
        value = getattr(prompt, field)
        if value not in (None, "", {}):
            body[name] = value
    if prompt.choice is not None:
        body["tool_choice"] = written.choice(prompt.choice)
    if prompt.effort is not None:
        body["reasoning"] = {"effort": prompt.effort}
    said: dict[str, Any] = {"format": written.form(prompt.format)} if prompt.format is not None else {}
    if prompt.verbosity:
        said["verbosity"] = prompt.verbosity
    if said:
        body["text"] = said
    if prompt.logprobs is not None:
        body["include"] = [LOGPROBS]
        if prompt.logprobs:
            body["top_logprobs"] = prompt.logprobs
    return body


def _own(prompt: Prompt, model: str, stream: bool) -> dict[str, Any]:
    extra: Mapping[str, Any] = prompt.extra or {}
    body = _common(prompt, model, stream)
    body |= _own_input(prompt.turns, text=extra.get("input") is ABSENT)
    if prompt.tools:
        body["tools"] = [tool.raw if isinstance(tool, Other) else written.tool(tool) for tool in prompt.tools]
    if prompt.modalities:
        body["modalities"] = list(prompt.modalities)
    for name, value in extra.items():
        if name in ("text", "reasoning") and name in body:
            body[name] = {**obj(value), **body[name]}
        elif name == "include" and name in body:
            body[name] = [*items(value), LOGPROBS]
        elif value is not ABSENT:
            body.setdefault(name, value)
    if not stream:
        body.pop("stream_options", None)
    return body


def _own_input(turns: tuple[Turn, ...], *, text: bool) -> dict[str, Any]:
    """`text`: it was one, and is again, where there is nothing else."""
    said: dict[str, Any] = {}
    inside = [turn for turn in turns if not _is_outside(turn)]
    outside = [part.text for turn in turns if _is_outside(turn) for part in turn.parts if isinstance(part, Text)]
    if outside:
        said["instructions"] = "\n\n".join(outside)
    if not inside:
        return said
    match [turn.parts for turn in inside]:
        case [(Text(alone, None),)] if text:
            said["input"] = alone
        case _:
            said["input"] = [item for turn in inside for item in again.items(turn) if not is_made_up(item)]
    return said


def _is_outside(turn: Turn) -> bool:
    return turn.extra is not None and turn.extra.get(OUTSIDE) is ABSENT


def _foreign(prompt: Prompt, model: str, stream: bool) -> Written:
    telling = Telling()
    if prompt.format is not None:
        prompt = replace(prompt, format=_named(prompt.format))
    body = _common(prompt, model, stream)
    instructions, body["input"] = telling.conversation(prompt.turns)
    if instructions:
        body["instructions"] = instructions
    body["store"] = False
    telling.changes.add("added", "store")
    _foreign_tools(prompt, telling, body)
    if effort := effort_told(prompt, telling.changes):
        body["reasoning"] = {"effort": effort}
    if body.get("max_output_tokens", _LEAST) < _LEAST:
        body["max_output_tokens"] = _LEAST
        telling.changes.add("clamped", "max_tokens")
    if prompt.service_tier is not None and prompt.service_tier not in TIERS:
        del body["service_tier"]
        telling.changes.add("dropped", "service_tier")
    for field in _unspoken(prompt):
        telling.changes.add("dropped", field)
    return Written(body, telling.changes.all())


def _foreign_tools(prompt: Prompt, telling: Telling, body: dict[str, Any]) -> None:
    """A choice among tools, where there are none, is an error."""
    functions = [tool for tool in prompt.tools if isinstance(tool, Function)]
    if functions:
        body["tools"] = [written.tool(_plain(tool)) for tool in functions]
        return
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body:
            del body[name]
            telling.changes.add("dropped", name)


def _plain(tool: Function) -> Function:
    """Where nobody says whether a tool is strict, this API takes it to be, and others do not."""
    parameters = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    return replace(tool, parameters=parameters, strict=bool(tool.strict), extra=None)


def _named(form: Format) -> Format:
    """A schema has to have a name here, and is strict where nobody says so."""
    if form.type != "json_schema":
        return replace(form, extra=None)
    return replace(form, name=form.name or "answer", strict=bool(form.strict), extra=None)


def _unspoken(prompt: Prompt) -> list[str]:
    asked = {
        "top_k": prompt.top_k is not None,
        "stop": prompt.stop,
        "seed": prompt.seed is not None,
        "presence_penalty": prompt.presence_penalty not in (None, 0),
        "frequency_penalty": prompt.frequency_penalty not in (None, 0),
        "n": prompt.n not in (None, 1),
        "modalities": set(prompt.modalities) - {"text"},
        "safety": prompt.safety,
    }
    return [field for field, said in asked.items() if said]
