"""Refusals, safety blocks and empty answers that come with status 200, as each dialect says them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from policyroute.dialects import DIALECTS
from policyroute.events import StreamEvent
from policyroute.exchange.verdict import Seen, judge
from policyroute.failures import Failure
from policyroute.failures import FailureKind as K

AFTER = frozenset({K.REFUSED, K.CONTENT_FILTERED, K.EMPTY, K.TRUNCATED})


def chat(finish: str, **message: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **message}}
        ],
    }


def response(status: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    output = [{"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": list(content)}]
    return {
        "id": "r",
        "object": "response",
        "model": "m",
        "status": status,
        "output": output if content else [],
        **more,
    }


def claude(stop: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "id": "a",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(content),
        "stop_reason": stop,
        "usage": usage,
        **more,
    }


def gemini(finish: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": list(parts)}, "finishReason": finish}]}


ANSWERS: list[tuple[str, dict[str, Any], K | None]] = [
    ("openai_chat", chat("stop", refusal="I can't help with that."), K.REFUSED),
    ("openai_chat", chat("content_filter"), K.CONTENT_FILTERED),
    ("openai_chat", chat("content_filter", content="Half of"), K.CONTENT_FILTERED),
    ("openai_chat", chat("stop"), K.EMPTY),
    ("openai_chat", chat("stop", content=""), K.EMPTY),
    ("openai_chat", {**chat("stop"), "choices": []}, K.EMPTY),
    ("openai_chat", chat("length", content="Half of"), K.TRUNCATED),
    ("openai_chat", chat("stop", content="Hello."), None),
    ("openai_responses", response("completed", {"type": "refusal", "refusal": "I can't."}), K.REFUSED),
    ("openai_responses", response("incomplete", incomplete_details={"reason": "content_filter"}), K.CONTENT_FILTERED),
    ("openai_responses", response("incomplete", incomplete_details={"reason": "max_output_tokens"}), K.TRUNCATED),
    ("openai_responses", response("completed"), K.EMPTY),
    (
        "openai_responses",
        response("failed", error={"code": "content_policy_violation", "message": "No."}),
        K.CONTENT_FILTERED,
    ),
    ("openai_responses", response("completed", {"type": "output_text", "text": "Hi.", "annotations": []}), None),
    ("anthropic", claude("refusal"), K.REFUSED),
    ("anthropic", claude("refusal", stop_details={"type": "refusal", "category": "cyber"}), K.REFUSED),
    ("anthropic", claude("refusal", {"type": "text", "text": "Half of"}), K.REFUSED),
    ("anthropic", claude("end_turn"), K.EMPTY),
    ("anthropic", claude("end_turn", {"type": "text", "text": ""}), K.EMPTY),
    ("anthropic", claude("end_turn", {"type": "text", "text": "Hi."}), None),
    *[
        ("gemini", gemini(finish), K.CONTENT_FILTERED)
        for finish in """SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII LANGUAGE IMAGE_SAFETY
        IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED""".split()
    ],
    *[
        ("gemini", {"promptFeedback": {"blockReason": reason}}, K.CONTENT_FILTERED)
        for reason in "SAFETY OTHER BLOCKLIST PROHIBITED_CONTENT IMAGE_SAFETY".split()
    ],
    *[
        ("gemini", gemini(finish), K.SCHEMA_INVALID)
        for finish in "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE".split()
    ],
    ("gemini", gemini("STOP"), K.EMPTY),
    ("gemini", gemini("STOP", {"text": ""}), K.EMPTY),
    ("gemini", gemini("STOP", {"text": "Hi."}), None),
]


def judged(events: list[StreamEvent], after: Collection[K]) -> Failure | None:
    seen = Seen()
    seen.add(events)
    return judge(events, after, seen, complete=True)


@pytest.mark.parametrize(("dialect", "body", "expected"), ANSWERS)
def test_what_a_whole_answer_means(dialect: str, body: dict[str, Any], expected: K | None) -> None:
    failure = judged(DIALECTS[dialect].answer(json.dumps(body).encode()), AFTER)
    assert (failure.kind if failure else None) is expected


@pytest.mark.parametrize(("dialect", "body", "expected"), ANSWERS)
def test_a_refusal_or_a_block_is_passed_on_where_no_rule_says_otherwise(
    dialect: str, body: dict[str, Any], expected: K | None
) -> None:
    failure = judged(DIALECTS[dialect].answer(json.dumps(body).encode()), ())
    reported = expected in {K.EMPTY, K.SCHEMA_INVALID} or body.get("status") == "failed"
    assert (failure is not None) == reported
