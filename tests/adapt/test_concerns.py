"""What goes to a target as it is, without being read: only what the target takes whole."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import orjson
import pytest
from tests.support.aimed import asked, policy

from policyroute import RoutingState
from policyroute.adapt import Room, fit
from policyroute.catalogue import BY_DIALECT, FREE, VENDORS, Traits, traits
from policyroute.catalogue.traits import NAMES
from policyroute.dialects import DIALECTS
from policyroute.policy.files import catalogue

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}}
LONG = "n" * 70
CALLED: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    ],
    "openai_responses": [
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
    ],
    "anthropic": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "done"}]},
    ],
    "gemini": [
        {"role": "model", "parts": [{"functionCall": {"id": "call_1", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "call_1", "name": "f", "response": {"a": 1}}}]},
    ],
}  # fmt: skip


def renamed(turns: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(orjson.dumps(turns).replace(b"call_1", name.encode()))
    return found


def conversations(dialect: str) -> list[dict[str, Any]]:
    called = [CALLED[dialect], renamed(CALLED[dialect], "odd id!"), renamed(CALLED[dialect], LONG)]
    if dialect == "gemini":
        hello, answer = {"role": "user", "parts": [{"text": "hello"}]}, {"role": "model", "parts": [{"text": "Once"}]}
        told = [[hello], [hello, answer], [hello, answer, hello], *([hello, *turns] for turns in called)]
        return [{"contents": turns} for turns in told]
    hello, answer = {"role": "user", "content": "hello"}, {"role": "assistant", "content": "Once"}
    name = "input" if dialect == "openai_responses" else "messages"
    told = [[hello], [hello, answer], [hello, answer, hello], *([hello, *turns] for turns in called)]
    more: dict[str, Any] = {}
    if dialect == "anthropic":
        more = {"max_tokens": 99}
    else:
        told += [[{"role": "system", "content": "s"}, hello], [hello, {"role": "system", "content": "s"}, hello]]
        told += [[{"role": "developer", "content": "s"}, hello], [{"role": "system", "content": "s"}]]
    if dialect == "openai_chat":
        shown = {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}
        told += [[{"role": "user", "content": [{"type": "text", "text": "see"}, shown]}]]
    return [{name: turns, **more} for turns in told]


def format_of(**schema: Any) -> list[dict[str, Any]]:
    return [{"type": "json_object"}, {"type": "json_schema", **schema}]


TOOLS: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA, **strict}}
        for name, strict in (("f", {}), (LONG, {}), ("o.dd", {}), ("f", {"strict": True}))
    ],
    "openai_responses": [
        {"type": "function", "name": name, "parameters": SCHEMA, **strict}
        for name, strict in (("f", {}), (LONG, {}), ("o.dd", {}), ("f", {"strict": True}))
    ],
    "anthropic": [
        {"name": name, "input_schema": SCHEMA, **strict}
        for name, strict in (("f", {}), (LONG, {}), ("o.dd", {}), ("f", {"strict": True}))
    ],
    "gemini": [
        {"functionDeclarations": [{"name": name, "parametersJsonSchema": SCHEMA}]} for name in ("f", LONG, "o.dd")
    ],
}
SAID: dict[str, dict[str, list[Any]]] = {
    "openai_chat": {
        "tools": [[tool] for tool in TOOLS["openai_chat"]],
        "tool_choice": ["auto", "required"],
        "parallel_tool_calls": [True, False],
        "response_format": format_of(json_schema={"name": "x", "schema": SCHEMA, "strict": True}),
        "temperature": [0, 1, 1.9],
        "top_p": [0.5],
        "presence_penalty": [1],
        "frequency_penalty": [1],
        "logit_bias": [{"1": 2}],
        "logprobs": [True],
        "seed": [1],
        "random_seed": [1],
        "n": [1, 2],
        "stop": ["a", ["a", "b"], list("abcdef")],
        "reasoning_effort": ["none", "minimal", "high", "max"],
        "reasoning": [{"effort": "high"}],
        "max_tokens": [99],
        "max_completion_tokens": [99],
    },
    "openai_responses": {
        "instructions": ["s"],
        "tools": [[tool] for tool in TOOLS["openai_responses"]],
        "tool_choice": ["auto", "required"],
        "parallel_tool_calls": [True, False],
        "text": [{"format": each} for each in format_of(name="x", schema=SCHEMA, strict=True)],
        "temperature": [0, 1, 1.9],
        "top_p": [0.5],
        "include": [["message.output_text.logprobs"]],
        "top_logprobs": [2],
        "reasoning": [{"effort": each} for each in ("none", "minimal", "high")] + [{"summary": "auto"}],
        "max_output_tokens": [99],
    },
    "anthropic": {
        "system": ["s"],
        "tools": [[tool] for tool in TOOLS["anthropic"]],
        "tool_choice": [{"type": "any"}, {"type": "auto", "disable_parallel_tool_use": True}],
        "output_config": [{"effort": "high"}, {"format": {"type": "json_schema", "schema": SCHEMA}}],
        "output_format": [{"type": "json_schema", "schema": SCHEMA}],
        "temperature": [0, 1],
        "top_p": [0.5],
        "top_k": [3],
        "stop_sequences": [["a"], list("abcdef")],
        "thinking": [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2000}, {"type": "disabled"}],
    },
    "gemini": {
        "systemInstruction": [{"parts": [{"text": "s"}]}],
        "tools": [[tool] for tool in TOOLS["gemini"]],
        "toolConfig": [{"functionCallingConfig": {"mode": each}} for each in ("AUTO", "ANY")],
        "generationConfig": [
            {},
            {"temperature": 1.9, "top_p": 0.5},
            {"presencePenalty": 1},
            {"seed": 1, "candidateCount": 2},
            {"response_logprobs": True},
            {"stop_sequences": list("abcdef")},
            {"responseMimeType": "application/json", "response_json_schema": SCHEMA},
            {"thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": True}},
            {"thinking_config": {"thinking_level": "HIGH"}},
            {"maxOutputTokens": 99},
        ],
    },
}


def bodies(dialect: str) -> Iterator[dict[str, Any]]:
    """Every conversation with every single thing that may be said beside it, and some with more of these."""
    told = conversations(dialect)
    single = [{name: value} for name, values in SAID[dialect].items() for value in values]
    yield from (begin | beside for begin, beside in product(told, [{}, *single]))
    rng = random.Random(3)
    for _ in range(200):
        body = rng.choice(told)
        for each in rng.sample(single, 3):
            body = body | each
        yield body


def takers(dialect: str) -> list[Traits]:
    """What each vendor's models take, and what each trait alone may deny."""
    usual = BY_DIALECT[dialect]
    vendors = [name for name, vendor in VENDORS.items() if vendor.dialect == dialect or vendor.lists_models]
    models = [("", "some-model"), *((vendor, name) for vendor in vendors for name in catalogue().names(vendor))]
    made = {traits(dialect, vendor, name, catalogue().find(vendor, name), {}) for vendor, name in models}
    other: dict[str, list[Any]] = {
        "reasoning": ["none", "effort", "effort_or_budget", "budget", "level"],
        "efforts": [("low",), ("none", "low", "medium", "high")],
        "stop_max": [0, 2],
        "temperature_max": [1.0],
        "tool_name_max": [3],
        "call_id": ["any", "short", "word", "nine"],
        "schema": ["openai_strict", "anthropic", "gemini_json", "gemini_openapi"],
        "max_tokens_name": ["max_tokens", "max_completion_tokens"],
        "seed_name": ["seed", "random_seed"],
        "off_name": ["thinking"],
    }
    for name in NAMES - ASKED_BEFORE - (OF_CHAT if dialect != "openai_chat" else frozenset()):
        values = other.get(name, [not getattr(usual, name)] if isinstance(getattr(usual, name), bool) else [])
        made |= {replace(usual, **{name: value}) for value in values}
    return sorted(made, key=repr)


OF_CHAT = frozenset({"max_tokens_name", "seed_name", "off_name"})
ASKED_BEFORE = frozenset({"tools", "images", "files", "audio", "video"})
"""Who cannot have these is no candidate for a request that has them."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_no_concern_is_about_would_not_be_changed(dialect: str) -> None:
    spoken = DIALECTS[dialect]
    everything = [(body, spoken.read(body)) for body in bodies(dialect)]
    kept = 0
    for taker in takers(dialect):
        wanted = {concern for name, concern in spoken.concerns.items() if getattr(taker, name) != getattr(FREE, name)}
        for body, prompt in everything:
            if not any(concern(body, taker) for concern in wanted):
                fitted = fit(prompt, spoken, "m", taker, Room(), stream=False, interactive=True)
                assert fitted.data is None, (taker, body, fitted.changes)
                kept += 1
    assert kept > len(everything)


@pytest.mark.parametrize(
    ("dialect", "vendor", "model"),
    [
        ("openai_chat", "openai", "gpt-5.5"),
        ("openai_chat", "deepseek", "deepseek-chat"),
        ("openai_responses", "openai", "gpt-5.5"),
        ("anthropic", "anthropic", "claude-sonnet-5"),
        ("gemini", "gemini", "gemini-3-pro-preview"),
    ],
)
def test_plain_words_go_to_a_vendors_own_model_without_being_read(dialect: str, vendor: str, model: str) -> None:
    provider = f"{{vendor: {vendor}, dialect: {dialect}}}"
    rules = policy(provider, f"{{provider: p, model: {model}}}")
    body = conversations(dialect)[0]
    decision = rules.decide(asked(dialect, body), RoutingState.empty(), 0.0)
    candidate = decision.candidates[0]
    assert candidate.concerns
    assert not any(concern(body, candidate.traits) for concern in candidate.concerns)
