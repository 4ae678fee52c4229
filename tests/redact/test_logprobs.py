"""What spells an answer out again is taken away."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from policyroute.redact.logprobs import without_logprobs

TOKENS: dict[str, Any] = {"content": [{"token": "alice", "logprob": -0.1, "top_logprobs": []}]}
CHAT: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "alice"},
            "logprobs": TOKENS,
            "finish_reason": "stop",
        }
    ],
}
RESPONSES: dict[str, Any] = {
    "id": "x",
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "alice", "annotations": [], "logprobs": [TOKENS["content"][0]]}
            ],
        }
    ],
}
GEMINI: dict[str, Any] = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "alice"}]},
            "finishReason": "STOP",
            "avgLogprobs": -0.1,
            "logprobsResult": {"chosenCandidates": [{"token": "alice", "logProbability": -0.1}]},
        }
    ],
    "modelVersion": "m",
}
ANSWERS: dict[str, Any] = {"openai_chat": CHAT, "openai_responses": RESPONSES, "gemini": GEMINI}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_whole_answer_is_spelled_out_once(name: str) -> None:
    answer: Any = ANSWERS[name]
    before = copy.deepcopy(answer)
    found = without_logprobs(answer)
    assert str(before).count("alice") == 2
    assert str(found).count("alice") == 1
    assert answer == before
    assert without_logprobs(found) is found
