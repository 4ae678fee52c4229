"""Requests in the provider's own dialect: every trait of the model is obeyed there too, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aimed import asked, policy, sent

from policyroute.catalogue import VENDORS
from policyroute.policy.files import catalogue

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai_chat", "openai_responses", "anthropic", "gemini"
OPENAI, CLAUDE, GOOGLE = "vendor: openai", "vendor: anthropic", "vendor: gemini"
OPENAI_RESPONSES = "vendor: openai, dialect: openai_responses"
MISTRAL = ("vendor: mistral", "mistral-small-latest")

USER: dict[str, Any] = {"role": "user", "content": "Hi"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}}
HELD: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": ["string", "null"], "description": "(minLength: 3)"}},
    "required": ["a"],
    "additionalProperties": False,
}
WHOLLY: dict[str, Any] = {**SCHEMA, "required": ["a"]}
CLOSED: dict[str, Any] = {
    **HELD,
    "properties": {"a": {"type": "string", "description": "(minLength: 3)"}},
}
WORDS: dict[str, Any] = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True, "minLength": "3"}}}


def base(dialect: str) -> dict[str, Any]:
    if dialect == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    if dialect == RESPONSES:
        return {"input": "Hi"}
    return {"messages": [USER], **({"max_tokens": 99} if dialect == ANTHROPIC else {})}


def thinking(**config: Any) -> dict[str, Any]:
    return {"generationConfig": {"thinkingConfig": config}}


def answer(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    held = {"name": "x", "schema": schema, **more}
    return {"response_format": {"type": "json_schema", "json_schema": held}}


SAMPLED: dict[str, Any] = {"temperature": 0.2, "top_p": 0.5, "presence_penalty": 1, "logit_bias": {"1": 2}}

CASES: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    # Sampling, and what goes with it.
    (CHAT, OPENAI, "o3", SAMPLED, {}),
    (CHAT, OPENAI, "gpt-5.5", {**SAMPLED, "logprobs": True, "top_logprobs": 3, "seed": 3}, {"seed": 3}),
    (CHAT, OPENAI, "gpt-4o", SAMPLED, SAMPLED),
    (
        CHAT,
        OPENAI,
        "gpt-5.2",
        {"temperature": 0.2, "reasoning_effort": "none"},
        {"temperature": 0.2, "reasoning_effort": "none"},
    ),
    (CHAT, OPENAI, "gpt-5.2", {"temperature": 0.2, "reasoning_effort": "high"}, {"reasoning_effort": "high"}),
    (CHAT, "vendor: cerebras", "m", {"logit_bias": {"1": 2}, "top_p": 1}, {"top_p": 1}),
    (CHAT, MISTRAL[0], MISTRAL[1], {"temperature": 1.9}, {"temperature": 1.5}),
    (RESPONSES, OPENAI_RESPONSES, "o3", {"temperature": 1, "top_p": 1, "truncation": "auto"}, {"truncation": "auto"}),
    (ANTHROPIC, CLAUDE, "claude-sonnet-5", {"temperature": 1, "top_k": 3}, {}),
    (ANTHROPIC, CLAUDE, "claude-haiku-4-5", {"temperature": 1, "top_k": 3}, {"temperature": 1, "top_k": 3}),
    # Thinking.
    (CHAT, OPENAI, "o3", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
    (CHAT, OPENAI, "gpt-4o", {"reasoning_effort": "high"}, {}),
    (CHAT, OPENAI, "gpt-4o", {"reasoning": {"effort": "high", "summary": "auto"}}, {}),
    (RESPONSES, OPENAI_RESPONSES, "gpt-4o", {"reasoning": {"effort": "high", "summary": "auto"}}, {}),
    (ANTHROPIC, CLAUDE, "claude-sonnet-5", {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    (ANTHROPIC, CLAUDE, "claude-sonnet-5", {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
    (
        ANTHROPIC,
        CLAUDE,
        "claude-opus-4-8",
        {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 8192, "display": "omitted"}},
        {
            "max_tokens": 9000,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "medium"},
        },
    ),
    (
        ANTHROPIC,
        CLAUDE,
        "claude-haiku-4-5",
        {"max_tokens": 9000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2048}},
    ),
    (
        ANTHROPIC,
        CLAUDE,
        "claude-haiku-4-5",
        {"thinking": {"type": "adaptive"}},
        {"max_tokens": 99 + 16_384, "thinking": {"type": "enabled", "budget_tokens": 16_384}},
    ),
    (ANTHROPIC, CLAUDE, "claude-3-haiku-20240307", {"thinking": {"type": "adaptive", "display": "omitted"}}, {}),
    (GEMINI, GOOGLE, "gemini-2.5-flash", thinking(thinkingLevel="high"), thinking(thinkingBudget=16_384)),
    (GEMINI, GOOGLE, "gemini-2.5-flash", thinking(thinkingBudget=-1), thinking(thinkingBudget=-1)),
    (GEMINI, GOOGLE, "gemini-2.5-flash", thinking(thinkingBudget=0), thinking(thinkingBudget=0)),
    (GEMINI, GOOGLE, "gemini-2.5-pro", thinking(thinkingBudget=0), thinking(thinkingBudget=2048)),
    (GEMINI, GOOGLE, "gemini-3-pro-preview", thinking(thinkingBudget=2000), thinking(thinkingLevel="LOW")),
    (GEMINI, GOOGLE, "gemini-2.0-flash", thinking(thinkingBudget=2000, includeThoughts=True), {}),
    # Schemas.
    (CHAT, OPENAI, "gpt-4o", answer(WHOLLY, strict=True), answer(CLOSED, strict=True)),
    (CHAT, OPENAI, "gpt-4o", answer(SCHEMA, strict=True), answer(SCHEMA, strict=False)),
    (CHAT, OPENAI, "gpt-4o", answer(SCHEMA), answer(SCHEMA)),
    (
        GEMINI,
        GOOGLE,
        "gemini-3.5-flash",
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": WORDS}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": WORDS}]}]},
    ),
    (
        GEMINI,
        GOOGLE,
        "gemini-3.5-flash",
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": WORDS}},
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": WORDS}},
    ),
    (
        GEMINI,
        GOOGLE,
        "gemini-2.0-flash",
        {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": HELD}]}]},
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {
                                    "a": {"type": "STRING", "nullable": True, "description": "(minLength: 3)"}
                                },
                                "required": ["a"],
                            },
                        }
                    ]
                }
            ]
        },
    ),
    # The rest.
    (CHAT, OPENAI, "o3", {"parallel_tool_calls": False, "n": 2}, {"n": 2}),
    (CHAT, "vendor: groq", "m", {"n": 2, "logit_bias": {"1": 2}, "presence_penalty": 1}, {"presence_penalty": 1}),
    (CHAT, "vendor: deepseek", "deepseek-chat", {"service_tier": "priority"}, {}),
]


@pytest.mark.parametrize(("dialect", "provider", "model", "said", "found"), CASES)
def test_traits_are_obeyed(
    dialect: str, provider: str, model: str, said: dict[str, Any], found: dict[str, Any]
) -> None:
    kept = {"odd": {"kept": [1, None]}}
    result = sent(dialect, {**base(dialect), **said, **kept}, provider, model)
    named = {} if dialect == GEMINI else {"model": model}
    expected = {**named, **base(dialect), **found, **kept}
    body = {name: value for name, value in result.body.items() if value != {}}
    assert body == expected
    assert bool(result.changes) == (body != {**named, **base(dialect), **said, **kept})


@pytest.mark.parametrize("vendor", ["mistral", "deepseek", "ollama", "openai"])
def test_developers_are_told_as_the_system_where_nobody_knows_them(vendor: str) -> None:
    messages = [{"role": "developer", "content": "Be brief.", "name": "x"}, USER]
    result = sent(CHAT, {"messages": messages}, f"vendor: {vendor}", "gpt-4o")
    role = "developer" if vendor == "openai" else "system"
    assert result.body["messages"] == [{"role": role, "content": "Be brief.", "name": "x"}, USER]
    assert result.changes == (set() if vendor == "openai" else {"messages.developer=renamed"})


BEGUN: dict[str, Any] = {"role": "assistant", "content": "{"}


@pytest.mark.parametrize(
    ("dialect", "provider", "model", "asked_for"),
    [
        (ANTHROPIC, CLAUDE, "claude-sonnet-5", True),
        (ANTHROPIC, CLAUDE, "claude-sonnet-4-6", True),
        (ANTHROPIC, CLAUDE, "claude-haiku-4-5", False),
        (CHAT, CLAUDE, "claude-opus-5", True),
        (CHAT, *MISTRAL, True),
        (ANTHROPIC, *MISTRAL, True),
        (CHAT, OPENAI, "gpt-4o", False),
        (ANTHROPIC, OPENAI, "gpt-4o", True),
        (ANTHROPIC, "vendor: llamacpp", "m", False),
    ],
)
def test_an_answer_that_is_begun_is_asked_to_be_continued_where_it_would_not_be(
    dialect: str, provider: str, model: str, asked_for: bool
) -> None:
    body = {**base(dialect), "messages": [USER, BEGUN]}
    result = sent(dialect, body, provider, model)
    roles = [message["role"] for message in result.body["messages"]]
    assert roles == ["user", "assistant", *["user"] * asked_for]
    assert ("prefill=emulated" in result.changes) is asked_for


def test_so_it_is_with_gemini() -> None:
    contents = [*base(GEMINI)["contents"], {"role": "model", "parts": [{"text": "{"}]}]
    for model, turns in (("gemini-3.5-flash", 2), ("gemini-3.5-flash-lite", 3)):
        assert len(sent(GEMINI, {"contents": contents}, GOOGLE, model).body["contents"]) == turns


def test_what_mistral_is_told_to_continue_it_continues() -> None:
    messages = [USER, {**BEGUN, "prefix": True}]
    assert sent(CHAT, {"messages": messages}, *MISTRAL).body["messages"] == messages


def test_a_call_without_its_result_is_no_answer_to_continue() -> None:
    call = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [USER, {"role": "assistant", "content": "Let me look.", "tool_calls": [call]}]
    assert len(sent(ANTHROPIC, {**base(ANTHROPIC), "messages": messages[:1]}, *MISTRAL).body["messages"]) == 1
    assert sent(CHAT, {"messages": messages}, *MISTRAL).body["messages"] == messages


ODD = {"odd": [1, {"x": None}]}
WHOLE: dict[str, dict[str, Any]] = {
    CHAT: {
        "messages": [
            {"role": "system", "content": "Be brief.", **ODD},
            {"role": "user", "content": [{"type": "text", "text": "Hi", **ODD}, {"type": "strange", **ODD}]},
            {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "Hm.", **ODD},
            {"role": "user", "content": "Go on", "name": "me"},
        ],
        **ODD,
    },
    ANTHROPIC: {
        "max_tokens": 9,
        "system": [{"type": "text", "text": "Be brief.", **ODD}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi", **ODD}, {"type": "strange", **ODD}], **ODD},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "Go on"},
        ],
        **ODD,
    },
    GEMINI: {
        "systemInstruction": {"parts": [{"text": "Be brief.", **ODD}], **ODD},
        "contents": [{"role": "user", "parts": [{"text": "Hi", **ODD}, {"strange": ODD}], **ODD}],
        "generationConfig": {"responseModalities": ["TEXT"], **ODD},
        **ODD,
    },
}
HOT: dict[str, dict[str, Any]] = {
    CHAT: {"temperature": 2.0, "seed": 3, "max_tokens": 10**7},
    ANTHROPIC: {"temperature": 1.0},
    GEMINI: ODD,
}


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini", "mistral", "deepseek", "groq", "xai", "qwen"])
def test_what_no_trait_is_about_stays_as_it_came_at_every_model(vendor: str) -> None:
    dialect = VENDORS[vendor].dialect
    said = {**WHOLE[dialect], **HOT[dialect]}
    moved = {"temperature", "seed", "random_seed", "max_tokens", "max_completion_tokens", "model"}
    for model in catalogue().names(vendor):
        rules = policy(f"{{vendor: {vendor}}}", f"{{provider: p, model: {model!r}}}")
        target = rules.program.targets["t"]
        if not target.supports["chat"] or not target.traits["p"].system:
            continue
        body = sent(dialect, said, f"vendor: {vendor}", model).body
        left = {name: value for name, value in body.items() if name not in moved}
        assert left == {name: value for name, value in said.items() if name not in moved}, model


def test_what_is_taken_as_it_is_goes_as_the_very_bytes() -> None:
    raw = asked(CHAT, {"messages": [USER], "temperature": 1.5, "odd": 1.50}).body
    assert sent(CHAT, raw, OPENAI, "gpt-4o").raw == raw.replace(b'"asked"', b'"gpt-4o"')
