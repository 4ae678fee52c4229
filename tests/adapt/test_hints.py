"""What who wants no less may leave behind: hints, and what is sent back only because it was got."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aimed import asked, policy

from policyroute import RoutingState

USER: dict[str, Any] = {"role": "user", "content": "Hi"}
SENT_BACK: dict[str, dict[str, Any]] = {
    "openai_responses": {
        "input": [
            {"type": "message", **USER, "status": "completed"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "status": "completed",
                "encrypted_content": "gAAA",
                "summary": [{"type": "summary_text", "text": "Hm."}],
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}],
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c1",
                "name": "look",
                "arguments": "{}",
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "c1", "output": "a cat", "status": "completed"},
        ],
        "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": None}],
        "reasoning": {"effort": "low", "summary": "auto"},
        "truncation": "auto",
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "prompt_cache_key": "k",
        "prompt_cache_options": {"ttl": "24h"},
        "text": {"verbosity": "low"},
        "safety_identifier": "u",
    },
    "openai_chat": {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [{"type": "url_citation"}],
                "audio": None,
                "function_call": None,
                "reasoning": "Hm.",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
                "tool_calls": [
                    {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a cat", "cache_control": {"type": "ephemeral"}},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "strict": None, "parameters": {"type": "object"}}}],
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "prediction": {"type": "content", "content": "x"},
        "usage": {"include": True},
        "stream_options": {"include_usage": True},
        "store": True,
        "metadata": {"a": "b"},
    },
    "anthropic": {
        "max_tokens": 99,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
                    {"type": "redacted_thinking", "data": "EqQB"},
                    {"type": "text", "text": "Let me look.", "citations": None},
                    {"type": "tool_use", "id": "c1", "name": "look", "input": {}, "caller": {"type": "direct"}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a cat"}]},
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"functionCall": {"id": "c1", "name": "look", "args": {}}, "thoughtSignature": "EqQB"},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "look", "response": {"a": 1}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "look", "parameters": {"type": "OBJECT"}}]}],
        "generationConfig": {
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
    },
}
"""What the SDKs send in the second round of a loop with a tool."""


@pytest.mark.parametrize("wish", ["route_away", "error"])
@pytest.mark.parametrize("provider", ["openai_chat", "openai_responses", "anthropic", "gemini"])
@pytest.mark.parametrize("client", SENT_BACK)
def test_who_sends_back_what_it_got_is_served_by_any_dialect(client: str, provider: str, wish: str) -> None:
    rules = policy(
        f"{{dialect: {provider}, base_url: 'https://llm.example/v1'}}",
        "{provider: p, model: m}",
        f"{{route: [t], fallback: {{on_unsupported: {wish}}}}}",
    )
    decision = rules.decide(asked(client, SENT_BACK[client]), RoutingState.empty(), 0.0)
    assert [each.target for each in decision.candidates] == ["t"], decision.excluded


@pytest.mark.parametrize(
    ("client", "more", "named"),
    [
        ("openai_chat", {"seed": 3}, "seed"),
        ("openai_chat", {"logit_bias": {"1": 2}}, "logit_bias"),
        ("openai_chat", {"presence_penalty": 0.1}, "presence_penalty"),
        ("openai_responses", {"tools": [{"type": "web_search"}]}, "tools.web_search"),
        ("gemini", {"safetySettings": [{"category": "x", "threshold": "y"}]}, "safetySettings"),
    ],
)
def test_what_was_asked_for_is_no_hint(client: str, more: dict[str, Any], named: str) -> None:
    rules = policy(
        "{dialect: anthropic, base_url: 'https://llm.example/v1'}",
        "{provider: p, model: m}",
        "{route: [t], fallback: {on_unsupported: error}}",
    )
    decision = rules.decide(asked(client, {**SENT_BACK[client], **more}), RoutingState.empty(), 0.0)
    assert decision.denied is not None
    assert named in decision.denied.message
