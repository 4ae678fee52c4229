"""Embeddings in OpenAI's dialect: what is read, what is sent, and which answers are whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policyroute import BadRequest, ModelRequest, Operation
from policyroute.absent import ABSENT
from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished, FinishReason, OtherContent, Started, Usage
from policyroute.failures import FailureKind

CHAT = DIALECTS["openai_chat"]


def read(given: Any, **fields: Any) -> ModelRequest:
    body = json.dumps({"model": "vectors", "input": given, **fields}).encode()
    return ModelRequest.read("openai_chat", body, operation=Operation.EMBEDDINGS)


def test_a_text_to_embed_reads_like_the_users_words() -> None:
    request = read("hello", dimensions=8, encoding_format="base64", user="u", stream=True)
    assert (request.operation, request.model, request.stream) == ("embeddings", "vectors", False)
    assert (request.last_user, request.system, request.modalities) == ("hello", "", ("text",))
    assert request.params == {"dimensions": 8, "encoding_format": "base64", "user": "u"}
    assert (request.tools, request.metadata) == ((), {})
    optional = (request.tool_choice, request.response_format, request.max_tokens, request.temperature)
    assert all(value is ABSENT for value in optional)


@pytest.mark.parametrize(
    ("given", "texts", "tokens"),
    [
        ("four" * 10, ["four" * 10], 10),
        (["é" * 8, "four" * 3], ["é" * 8, "four" * 3], 7),
        ([1, 2, 3], [""], 3),
        ([[1, 2, 3], [4]], ["", ""], 4),
    ],
)
def test_every_form_of_input(given: Any, texts: list[str], tokens: int) -> None:
    request = read(given)
    assert [message.text for message in request.messages] == texts
    assert {message.role for message in request.messages} == {"user"}
    assert request.input_tokens == tokens


NOTHING: list[Any] = []


@pytest.mark.parametrize("given", [None, "", NOTHING, 3, {"a": 1}, ["x", 3], [[1], "x"], [[1], NOTHING], [True], [1.5]])
def test_what_cannot_be_embedded_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read(given)
    assert caught.value.param == "input"


def test_other_fields_have_their_types() -> None:
    for name, value in (("dimensions", "8"), ("encoding_format", 3), ("user", 3), ("model", "")):
        with pytest.raises(BadRequest) as caught:
            read("x", **{name: value})
        assert caught.value.param == name


def row(vector: Any, index: int = 0) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": vector}


def test_a_whole_answer() -> None:
    body = {"object": "list", "model": "m", "data": [row([0.1]), row("AAAAAA==", 1)], "usage": {"prompt_tokens": 5}}
    assert CHAT.answer(json.dumps(body).encode(), (), read(["a", "b"])) == [
        Started("", "m"),
        OtherContent("embedding"),
        Usage(5, 0),
        Finished(FinishReason.STOP),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": NOTHING}, FailureKind.EMPTY),
        ({"data": [row(NOTHING), row("")]}, FailureKind.EMPTY),
        ({"data": [row([0.1])]}, FailureKind.STREAM_BROKEN),
        ({"data": [row([0.1]), row(None, 1)]}, FailureKind.STREAM_BROKEN),
        ({"data": [row([0.1]), None, 3]}, FailureKind.STREAM_BROKEN),
        ({"object": "list"}, FailureKind.UNAVAILABLE),
        ([], FailureKind.UNAVAILABLE),
        ({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, FailureKind.RATE_LIMITED),
    ],
)
def test_answers_that_are_none(body: Any, expected: FailureKind) -> None:
    last = CHAT.answer(json.dumps(body).encode(), (), read([[1, 2], [3]]))[-1]
    assert isinstance(last, Broken)
    assert last.failure.kind is expected
