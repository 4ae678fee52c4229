"""What an attempt at a Gemini provider sends: the model in its path, and what a `transform` changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from policyroute import ModelRequest
from policyroute.decide.decision import Candidate, Hop
from policyroute.exchange.payload import Outbound, build
from policyroute.policy.actions import Rewrite, Transform, Value

MakeCandidate = Callable[..., Candidate]
Send = Callable[..., tuple[dict[str, Any], Outbound]]
HI: list[Any] = [{"role": "user", "parts": [{"text": "hi"}]}]
TOOLS: list[Any] = [{"functionDeclarations": [{"name": "look"}]}]
BASE = "https://generativelanguage.googleapis.com/v1beta"


@pytest.fixture
def attempt(candidate: MakeCandidate) -> Callable[..., Outbound]:
    def made(
        raw: bytes, *transforms: Transform, model: str = "real", base: str = BASE, stream: bool = False
    ) -> Outbound:
        path = f"/v1/models/asked:{'streamGenerateContent' if stream else 'generateContent'}"
        request = ModelRequest.read("gemini", raw, path=path)
        chosen = candidate("google", model=model)
        provider = replace(chosen.provider, dialect="gemini", base_url=base)
        named = tuple((f"r{number}", transform) for number, transform in enumerate(transforms))
        before = orjson.dumps(request.data)
        outbound = build(request, Hop(replace(chosen, provider=provider), None, named), "k").outbound
        assert orjson.dumps(request.data) == before
        return outbound

    return made


@pytest.fixture
def send(attempt: Callable[..., Outbound]) -> Send:
    def sent(fields: dict[str, Any] | None = None, *transforms: Transform) -> tuple[dict[str, Any], Outbound]:
        outbound = attempt(json.dumps({"contents": HI, **(fields or {})}).encode(), *transforms)
        return orjson.loads(outbound.body), outbound

    return sent


RAW = b'{ "contents":[{"role":"user", "parts":[{"text":"hi \\u00e9"}]}],\n"new":{"x":1.50} }'
ASCII = RAW.replace(b"\\u00e9", b"e")


def test_the_clients_own_bytes_are_kept_but_where_a_key_may_be_there_twice(attempt: Callable[..., Outbound]) -> None:
    assert attempt(ASCII).body == ASCII
    assert orjson.loads(attempt(RAW).body) == orjson.loads(RAW)
    twice = b'{"contents":[{"parts":[{"text":"seen"}]}], "systemInstruction":{}, "systemInstruction":{"parts":[]}}'
    assert attempt(twice).body.count(b"systemInstruction") == 1


def test_a_model_in_the_body_goes(attempt: Callable[..., Outbound]) -> None:
    raw = ASCII.replace(b'"new"', b'"model":"models/another","new"')
    assert "model" not in orjson.loads(attempt(raw).body)


@pytest.mark.parametrize(
    ("model", "base", "stream", "url"),
    [
        ("real", BASE, False, f"{BASE}/models/real:generateContent"),
        ("real", BASE + "/", True, f"{BASE}/models/real:streamGenerateContent?alt=sse"),
        ("models/real", BASE, False, f"{BASE}/models/real:generateContent"),
        ("tunedModels/mine", BASE, False, f"{BASE}/tunedModels/mine:generateContent"),
        ("vendor/qwen:8b é?x", BASE, False, f"{BASE}/models/vendor/qwen%3A8b%20%C3%A9%3Fx:generateContent"),
        ("real", f"{BASE}?a=b", True, f"{BASE}/models/real:streamGenerateContent?alt=sse&a=b"),
        ("real", f"{BASE}?a=b", False, f"{BASE}/models/real:generateContent?a=b"),
    ],
)
def test_the_path_asks_for_the_targets_model(
    attempt: Callable[..., Outbound], model: str, base: str, stream: bool, url: str
) -> None:
    outbound = attempt(ASCII, model=model, base=base, stream=stream)
    assert (outbound.method, outbound.url) == ("POST", url)
    headers = dict(outbound.headers)
    assert (headers["x-goog-api-key"], "authorization" in headers) == ("k", False)


def values(**fields: Any) -> dict[str, Value]:
    return {name: Value(literal) for name, literal in fields.items()}


def set_(**fields: Any) -> Transform:
    return Transform(set=values(**fields))


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


SCHEMA = {"type": "object"}
ANY = {"functionCallingConfig": {"mode": "ANY"}}


@pytest.mark.parametrize(
    ("fields", "transform", "expected"),
    [
        (config(temperature=1), set_(temperature=0.2), config(temperature=0.2)),
        ({"generation_config": {"top_k": 1, "top_p": 1}}, set_(top_p=0.5), config(top_k=1, topP=0.5)),
        ({}, set_(max_tokens=5, stop=["x"], seed=1), config(maxOutputTokens=5, stopSequences=["x"], seed=1)),
        ({}, set_(presence_penalty=1, frequency_penalty=1), config(presencePenalty=1, frequencyPenalty=1)),
        (
            {"generation_config": {"max_output_tokens": 9}},
            Transform(default=values(max_tokens=5)),
            {"generation_config": {"max_output_tokens": 9}},
        ),
        ({}, Transform(default=values(max_tokens=5)), config(maxOutputTokens=5)),
        (config(stopSequences=["x"], topK=1), Transform(remove=("stop", "seed")), config(topK=1)),
        ({"generation_config": {"max_output_tokens": 9}}, Transform(remove=("max_tokens",)), {}),
        # What the API has no words for is left out.
        ({}, set_(user="u", metadata={"a": "b"}, parallel_tool_calls=False), {}),
        # Tools.
        ({"tools": TOOLS}, set_(tool_choice="required"), {"tools": TOOLS, "toolConfig": ANY}),
        (
            {"tools": TOOLS, "tool_config": {"function_calling_config": {"mode": "NONE"}, "retrievalConfig": {"x": 1}}},
            set_(tool_choice="look"),
            {
                "tools": TOOLS,
                "toolConfig": {
                    "retrievalConfig": {"x": 1},
                    "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]},
                },
            },
        ),
        ({"tools": TOOLS, "toolConfig": ANY}, Transform(remove=("tool_choice",)), {"tools": TOOLS}),
        (
            {"tools": TOOLS, "toolConfig": ANY},
            Transform(default=values(tool_choice="none")),
            {"tools": TOOLS, "toolConfig": ANY},
        ),
        ({}, set_(tool_choice="required"), {}),
        # Reasoning.
        (
            config(thinkingConfig={"thinkingBudget": 9, "includeThoughts": True}),
            set_(reasoning_effort="xhigh"),
            config(thinkingConfig={"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ),
        (
            config(thinking_config={"thinking_level": "LOW"}),
            set_(reasoning_effort="none"),
            config(thinkingConfig={"thinkingBudget": 0}),
        ),
        (config(thinkingConfig={}), Transform(remove=("reasoning_effort",)), {}),
        # The form of the answer.
        (
            config(response_schema={"type": "STRING"}, responseMimeType="text/x.enum"),
            set_(response_format={"type": "json_schema", "name": "x", "strict": True, "schema": SCHEMA}),
            config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        ),
        (
            {},
            set_(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}),
            config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        ),
        ({}, set_(response_format={"type": "json_object"}), config(responseMimeType="application/json")),
        (
            config(responseMimeType="application/json", responseSchema=SCHEMA, topK=1),
            set_(response_format={"type": "text"}),
            config(topK=1),
        ),
        # A vendor's own.
        (
            {"generation_config": {"topK": 1, "temperature": 1}},
            Transform(raw={"gemini": {"generationConfig": {"topK": 2}, "contents": [], "safetySettings": [{"x": 1}]}}),
            {**config(topK=2, temperature=1), "safetySettings": [{"x": 1}]},
        ),
    ],
)
def test_fields(send: Send, fields: dict[str, Any], transform: Transform, expected: dict[str, Any]) -> None:
    body, outbound = send(fields, transform)
    assert body.pop("contents") == HI
    assert body == expected
    assert outbound.url == f"{BASE}/models/real:generateContent"


OLD = {"text": "old"}
NEW = {"text": "new"}


@pytest.mark.parametrize(
    ("fields", "transform", "expected"),
    [
        ({}, Transform(system_append="new"), {"parts": [NEW]}),
        (
            {"systemInstruction": {"role": "user", "parts": [OLD]}},
            Transform(system_append="new"),
            {"role": "user", "parts": [OLD, NEW]},
        ),
        ({"system_instruction": {"parts": OLD}}, Transform(system_prepend="new"), {"parts": [NEW, OLD]}),
        ({"systemInstruction": {"parts": [OLD]}}, Transform(system_replace="new"), {"parts": [NEW]}),
        ({"systemInstruction": {"parts": [OLD]}}, Transform(system_replace=""), None),
    ],
)
def test_system_text(send: Send, fields: dict[str, Any], transform: Transform, expected: Any) -> None:
    body, _ = send(fields, transform)
    assert body.get("systemInstruction") == expected
    assert "system_instruction" not in body


def test_texts_are_rewritten_wherever_rules_read_them_and_nowhere_else(send: Send) -> None:
    thought = {"text": "old", "thought": True, "thoughtSignature": "s"}
    call = {"functionCall": {"name": "old", "args": {"a": "old"}}}
    ran = {"codeExecutionResult": {"outcome": "old", "output": "old"}}
    contents = [
        {"role": "user", "parts": OLD},
        {"role": "model", "parts": [thought, OLD, call, ran]},
        {"parts": [{"function_response": {"name": "old", "response": {"old": ["old", {"a": "old"}, 1]}}}]},
    ]
    body, _ = send(
        {"system_instruction": {"parts": [OLD]}, "contents": contents}, Transform(rewrite=(Rewrite("old", "new"),))
    )
    assert body == {
        "system_instruction": {"parts": [NEW]},
        "contents": [
            {"role": "user", "parts": NEW},
            {
                "role": "model",
                "parts": [thought, NEW, call, {"codeExecutionResult": {"outcome": "old", "output": "new"}}],
            },
            {"parts": [{"function_response": {"name": "old", "response": {"old": ["new", {"a": "new"}, 1]}}}]},
        ],
    }
