"""OpenAI Chat Completions: a prompt as a body.

Rule of this module: a prompt that was read from this dialect is written as it was; of any other only what the public
API has words for, in the spelling that every compatible server knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.dialects.openai import TIERS, effort_told
from policyroute.dialects.openai_chat import again, written
from policyroute.dialects.openai_chat.foreign import Telling
from policyroute.dialects.translation import Written
from policyroute.request.prompt import Format, Function, Other, Prompt

_ALIKE: Final = {
    "parallel": "parallel_tool_calls",
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "n": "n",
    "effort": "reasoning_effort",
    "verbosity": "verbosity",
    "user": "user",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""Fields of a prompt whose value is written as it is, and their names here."""


def write(prompt: Prompt, model: str, stream: bool, *, own: bool) -> Written:
    return Written(_own(prompt, model, stream), ()) if own else _foreign(prompt, model, stream)


def _common(prompt: Prompt, model: str, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": []}
    if stream:
        body["stream"] = True
    for field, name in _ALIKE.items():
        value = getattr(prompt, field)
        if value is not None and value != "":
            body[name] = value
    for field in ("max_tokens", "seed"):
        if (value := getattr(prompt, field)) is not None:
            body[prompt.spelled.get(field, field)] = value
    if (off := prompt.spelled.get("effort")) is not None:
        del body["reasoning_effort"]
        body[off] = {"type": "disabled"}
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.logprobs is not None:
        body["logprobs"] = True
        if prompt.logprobs:
            body["top_logprobs"] = prompt.logprobs
    return body


def _own(prompt: Prompt, model: str, stream: bool) -> dict[str, Any]:
    extra: Mapping[str, Any] = prompt.extra or {}
    body = _common(prompt, model, stream)
    body["messages"] = [message for turn in prompt.turns for message in again.messages(turn)]
    if prompt.top_k is not None:
        body["top_k"] = prompt.top_k
    if prompt.modalities:
        body["modalities"] = list(prompt.modalities)
    if prompt.metadata:
        body["metadata"] = prompt.metadata
    if prompt.format is not None:
        body["response_format"] = written.form(prompt.format)
    _own_tools(prompt, extra, body)
    if extra.get("reasoning_effort") is ABSENT and "reasoning_effort" in body:
        body["reasoning"] = {**extra["reasoning"], "effort": body.pop("reasoning_effort")}
    for name, value in extra.items():
        if value is not ABSENT:
            body.setdefault(name, value)
    if not stream:
        body.pop("stream_options", None)
    return body


def _own_tools(prompt: Prompt, extra: Mapping[str, Any], body: dict[str, Any]) -> None:
    functions = [tool for tool in prompt.tools if isinstance(tool, Function)]
    legacy = extra.get("tools") is ABSENT and len(functions) == len(prompt.tools)
    if legacy:
        body["functions"] = [written.legacy(tool) for tool in functions]
    elif prompt.tools:
        body["tools"] = [tool.raw if isinstance(tool, Other) else written.tool(tool) for tool in prompt.tools]
    if prompt.choice is not None:
        older = legacy and "tool_choice" not in extra
        name, spell = ("function_call", written.legacy_choice) if older else ("tool_choice", written.choice)
        body[name] = spell(prompt.choice)


def _foreign(prompt: Prompt, model: str, stream: bool) -> Written:
    telling = Telling(echo=prompt.echo)
    body = _common(prompt, model, stream)
    body["messages"] = telling.messages(prompt.turns)
    if stream:
        body["stream_options"] = {"include_usage": True}
    if prompt.format is not None:
        body["response_format"] = written.form(_named(prompt.format))
    _foreign_tools(prompt, telling, body)
    if effort := effort_told(prompt, telling.changes):
        body["reasoning_effort"] = effort
    if prompt.service_tier is not None and prompt.service_tier not in TIERS:
        del body["service_tier"]
        telling.changes.add("dropped", "service_tier")
    for field in _unspoken(prompt):
        telling.changes.add("dropped", field)
    return Written(body, telling.changes.all())


def _foreign_tools(prompt: Prompt, telling: Telling, body: dict[str, Any]) -> None:
    """A choice among tools, where there are none, is an error to some."""
    functions = [tool for tool in prompt.tools if isinstance(tool, Function)]
    if functions:
        body["tools"] = [written.tool(replace(tool, extra=None)) for tool in functions]
    if prompt.choice is not None and functions:
        body["tool_choice"] = written.choice(prompt.choice)
    elif prompt.choice is not None:
        telling.changes.add("dropped", "tool_choice")
    if prompt.parallel is not None and not functions:
        del body["parallel_tool_calls"]
        telling.changes.add("dropped", "parallel_tool_calls")


def _named(form: Format) -> Format:
    """A schema has to have a name here."""
    named = form.name or ("answer" if form.type == "json_schema" else "")
    return replace(form, name=named, extra=None)


def _unspoken(prompt: Prompt) -> list[str]:
    """Fields that the public API does not know, or takes only with what a client has to ask for itself: audio with a
    voice, metadata with an answer that is kept."""
    asked = {
        "top_k": prompt.top_k is not None,
        "modalities": set(prompt.modalities) - {"text"},
        "metadata": prompt.metadata,
        "safety": prompt.safety,
    }
    return [field for field, said in asked.items() if said]
