"""Gemini's bodies as prompts: the recorded ones come back as they were, and whatever a body holds is read."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.counted import counted

from policyroute import BadRequest, ModelRequest
from policyroute.dialects.gemini import Gemini
from policyroute.dialects.gemini.spelling import camel
from policyroute.dialects.shapes import items, obj
from policyroute.dialects.turns import unsaid
from policyroute.request.prompt import (
    Prompt,
)

if TYPE_CHECKING:
    from tests.dialects.conftest import Recording

GEMINI = Gemini()
HI: dict[str, Any] = {"role": "user", "parts": [{"text": "hi"}]}


def again(body: dict[str, Any]) -> dict[str, Any]:
    written = GEMINI.write(GEMINI.read(body), "m", False)
    assert written.changes == ()
    found: dict[str, Any] = json.loads(json.dumps(written.data))
    return found


# The normalisations, each of which is applied to the body as it was recorded ------------------------------------------

_OPAQUE = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "executableCode"}
    | {"codeExecutionResult", "toolCall", "toolResponse", "fileSearch", "googleSearch", "urlContext", "codeExecution"}
)


def in_camel_case(value: Any) -> Any:
    """Names that a prompt has a place for come in either spelling and are written in camelCase."""
    if isinstance(value, list):
        return [in_camel_case(each) for each in items(value)]
    if isinstance(value, dict):
        named = {camel(name): inner for name, inner in obj(value).items()}
        return {name: inner if name in _OPAQUE else in_camel_case(inner) for name, inner in named.items()}
    return value


def with_one_list_of_functions(body: dict[str, Any]) -> dict[str, Any]:
    """Functions may be declared in several objects, and are in one."""
    tools: list[dict[str, Any]] = []
    functions: list[Any] = []
    for tool in body.get("tools", []):
        if "functionDeclarations" in tool and not functions:
            tools.append({"functionDeclarations": functions})
        functions += tool.get("functionDeclarations", [])
        rest = {name: value for name, value in tool.items() if name != "functionDeclarations"}
        tools += [rest] if rest else []
    return {**body, "tools": tools} if "tools" in body else body


def without_a_model(body: dict[str, Any]) -> dict[str, Any]:
    """The path names the model."""
    return {name: value for name, value in body.items() if name != "model"}


def in_capitals(body: dict[str, Any]) -> dict[str, Any]:
    """Levels of thinking are words in capitals."""
    thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    return body


NORMALISATIONS = (in_camel_case, without_a_model, with_one_list_of_functions, in_capitals)


def test_every_recorded_request_is_written_as_it_was_read(contents: list[Recording]) -> None:
    found: Counter[str] = Counter()
    for recording in contents:
        try:
            ModelRequest.read("gemini", json.dumps(recording.request).encode(), path=recording.path.partition("?")[0])
        except BadRequest:
            found["refused"] += 1
            continue
        found["tried"] += 1
        body = recording.request
        written = again(body)
        if written == body:
            found["equal"] += 1
            continue
        for normalise in NORMALISATIONS:
            normal = normalise(json.loads(json.dumps(body)))
            if normal != body:
                found[normalise.__name__] += 1
                body = normal
        assert in_camel_case(written) == body, recording.name  # what has no place keeps its spelling
    counted("recorded Gemini requests", found)
    assert found["refused"] == 1  # a role that there is none of
    assert found["tried"] >= 220 and found["equal"] >= 133
    assert found["in_camel_case"] <= 78 and found["without_a_model"] <= 2 and found["in_capitals"] <= 7


NAMES = st.sampled_from(
    """role parts text thought thoughtSignature thought_signature inlineData inline_data fileData file_data mimeType
    mime_type data fileUri displayName functionCall function_call functionResponse function_response name id args
    response output error parts executableCode toolCall contents systemInstruction system_instruction tools
    functionDeclarations function_declarations description parameters parametersJsonSchema googleSearch toolConfig
    functionCallingConfig mode allowedFunctionNames generationConfig generation_config temperature topP topK
    candidateCount maxOutputTokens stopSequences seed responseMimeType responseSchema responseJsonSchema
    responseLogprobs logprobs responseModalities thinkingConfig thinkingLevel thinkingBudget includeThoughts labels
    serviceTier safetySettings content.role generationConfig.x""".split()
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.sampled_from(["", "user", "model", "ANY", "é", "{}"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
OBJECTS = st.dictionaries(NAMES, ANYTHING, max_size=6)


@settings(max_examples=150)
@given(OBJECTS, OBJECTS, OBJECTS, OBJECTS)
def test_whatever_a_body_holds_is_read_and_written(
    top: dict[str, Any], part: dict[str, Any], tool: dict[str, Any], config: dict[str, Any]
) -> None:
    content = [{"role": "user", "parts": [part]}, {"role": "model", "parts": [part, {"functionCall": part}]}]
    body = {"contents": content, "tools": [{"functionDeclarations": [tool]}, tool], "generationConfig": config}
    for value in ({"contents": [HI], **top}, body, {**body, **top}):
        try:
            data = ModelRequest.read("gemini", json.dumps(value).encode(), path="/v1/models/m:generateContent").data
        except BadRequest:
            continue
        before = json.dumps(data)
        prompt = GEMINI.read(data)
        written = GEMINI.write(prompt, "m", True)
        assert written.changes == ()
        assert again(written.data) == json.loads(json.dumps(written.data))  # what is normal stays as it is
        assert json.dumps(data) == before
        foreign = GEMINI.write(Prompt("other", prompt.turns, prompt.tools), "m", True)
        assert "contents" in foreign.data
        unsaid(prompt)
