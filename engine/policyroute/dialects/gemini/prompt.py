"""Gemini: a checked body as a `Prompt`.

Rule of this module: every field is either in a place that the `Prompt` has a name for, or in the `extra` of where it
stands, as it came; a value of an unexpected type is of the second kind. A field inside an object that is a node of its
own only here is `holder.field` there: `generationConfig.mediaResolution`, `inlineData.displayName`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policyroute.dialects.gemini.left import Left
from policyroute.dialects.gemini.parts import is_plain_turn
from policyroute.dialects.gemini.said import content_turn, plain_turn
from policyroute.dialects.gemini.schema import standard
from policyroute.dialects.gemini.spelling import camel, many
from policyroute.dialects.shapes import is_number, is_texts, is_whole, obj
from policyroute.request.prompt import Choice, Format, Function, Other, Prompt, Turn
from policyroute.schemas import Told

NUMBERS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
COUNTS: Final[Mapping[str, str]] = {"max_tokens": "maxOutputTokens", "n": "candidateCount", "seed": "seed"}
MODALITIES: Final = frozenset({"TEXT", "IMAGE", "AUDIO", "VIDEO"})
MODES: Final = {"AUTO": "auto", "NONE": "none", "ANY": "required"}
LEVELS: Final = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"})
JSON: Final = "application/json"


def read(data: dict[str, Any]) -> Prompt:
    left = Left(data)
    left.drop("model")  # that is routing's
    turns = tuple(_turns(left))
    tools = tuple(_tools(left))
    fields: dict[str, Any] = {"choice": _choice(left)}
    config = left.inner("generationConfig")
    if config is not None:
        fields |= _config(config)
        left.keep("generationConfig", config)
    labels = left.take("labels", _is_labels)
    tier = left.take("serviceTier", _is_word)
    return Prompt("gemini", turns, tools, metadata=labels or {}, service_tier=tier, extra=left.extra(), **fields)


def _is_labels(value: Any) -> bool:
    return bool(obj(value)) and all(isinstance(each, str) for each in obj(value).values())


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _turns(left: Left) -> Iterator[Turn]:
    system = left.inner("systemInstruction")
    if system is not None:
        yield content_turn(system, "system")
    for content in many(left.drop("contents")):
        yield plain_turn(content) if is_plain_turn(content) else content_turn(Left(content))


# Tools ----------------------------------------------------------------------------------------------------------------


def _tools(left: Left) -> Iterator[Function | Other]:
    if not many(left.fields.get("tools")):
        return
    for tool in many(left.drop("tools")):
        rest: dict[str, Any] = {}
        for name, value in tool.items():
            declared = many(value) if camel(name) == "functionDeclarations" else []
            if not declared:
                rest[name] = value
            for function in declared:
                yield _function(Left(function))
        if rest or not tool:
            yield Other(camel(next(iter(rest), "tool")), rest)


def _function(left: Left) -> Function:
    name = left.drop("name")
    description = left.take("description", _is_word)
    parameters: Mapping[str, Any] | None = left.take("parametersJsonSchema", _is_object)
    if parameters is None:
        spoken = left.take("parameters", _is_object)
        parameters = None if spoken is None else Told(standard(spoken), spoken)
    return Function(name, description or "", parameters, extra=left.extra())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _choice(left: Left) -> Choice | None:
    config = left.inner("toolConfig")
    if config is None:
        return None
    found = None
    calling = config.inner("functionCallingConfig")
    if calling is not None:
        mode = calling.take("mode", lambda value: isinstance(value, str) and value.upper() in MODES)
        if mode is not None:
            names = calling.take("allowedFunctionNames", is_texts)
            found = Choice(MODES[mode.upper()], tuple(names or ()))  # type: ignore[arg-type]
        config.keep("functionCallingConfig", calling, mapped=found is not None)
    left.keep("toolConfig", config, mapped=found is not None)
    return found


# The generation config ------------------------------------------------------------------------------------------------


def _config(config: Left) -> dict[str, Any]:
    found: dict[str, Any] = {field: config.take(name, is_number) for field, name in NUMBERS.items()}
    found |= {field: config.take(name, is_whole) for field, name in COUNTS.items()}
    found["stop"] = tuple(config.take("stopSequences", is_texts) or ())
    found["logprobs"] = _logprobs(config)
    wanted = config.take("responseModalities", lambda value: is_texts(value) and set(value) <= MODALITIES)
    found["modalities"] = tuple(each.lower() for each in wanted or ())
    found["format"] = _format(config)
    thinking = config.inner("thinkingConfig")
    if thinking is not None:
        level = thinking.take("thinkingLevel", lambda value: isinstance(value, str) and value.upper() in LEVELS)
        found["effort"] = None if level is None else level.lower()
        found["thinking_tokens"] = thinking.take("thinkingBudget", is_whole)
        config.keep("thinkingConfig", thinking, mapped=found["effort"] or found["thinking_tokens"] is not None)
    return found


def _logprobs(config: Left) -> int | None:
    if not config.take("responseLogprobs", lambda value: value is True):
        return None
    return config.take("logprobs", lambda value: is_whole(value) and value > 0) or 0


def _format(config: Left) -> Format | None:
    mime = config.take("responseMimeType", lambda value: value in (JSON, "text/plain"))
    if mime != JSON:
        return None if mime is None else Format("text")
    schema: Any = config.take("responseJsonSchema", _is_some)
    if schema is None:
        spoken = config.take("responseSchema", _is_some)
        schema = None if spoken is None else Told(standard(spoken), spoken)
    return Format("json_object") if schema is None else Format("json_schema", schema)


def _is_some(value: Any) -> bool:
    return bool(obj(value))
