"""The embedded provider in Gemini's dialect: what it answers, and how our own reader takes what it does."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.support.asgi import ask, call

from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished, FinishReason, StreamEvent
from policyroute.failures import FailureKind
from policyroute_asgi.embedded import ConnectionCut, EmbeddedProvider

pytestmark = pytest.mark.anyio

GEMINI = DIALECTS["gemini"]
HI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]}
NEEDED = {"type": "OBJECT", "properties": {"q": {"type": "STRING"}}, "required": ["q"]}
CALL: dict[str, Any] = {
    **HI,
    "tools": [{"googleSearch": {}}, {"function_declarations": [{"name": "a"}, {"name": "b", "parameters": NEEDED}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b"]}},
}


async def asked(model: str, body: dict[str, Any] = HI, provider: EmbeddedProvider | None = None) -> Any:
    path = f"/v1beta/models/{model}:generateContent"
    return await ask(provider or EmbeddedProvider(), "POST", path, orjson.dumps(body))


async def test_it_answers_in_the_same_words_every_time() -> None:
    first, again = (await asked("demo")), (await asked("demo"))
    assert first.body == again.body
    answer = orjson.loads(first.body)
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "demo says: hi there"}]
    assert (answer["modelVersion"], answer["usageMetadata"]["promptTokenCount"]) == ("demo", 2)


async def test_tools_are_called_when_they_must_be() -> None:
    parts = orjson.loads((await asked("demo", CALL)).body)["candidates"][0]["content"]["parts"]
    assert [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts] == [("b", {"q": ""})]
    broken = orjson.loads((await asked("broken-schema", CALL)).body)["candidates"][0]
    assert (broken["finishReason"], broken["content"]) == ("MALFORMED_FUNCTION_CALL", {"role": "model"})


FAILURES = {
    "throttle-7s": (429, FailureKind.RATE_LIMITED, 7.0),
    "quota": (429, FailureKind.QUOTA_EXHAUSTED, 36000.0),
    "overloaded": (503, FailureKind.OVERLOADED, None),
    "500": (500, FailureKind.UNAVAILABLE, None),
    "500-once": (500, FailureKind.UNAVAILABLE, None),
    "auth": (400, FailureKind.AUTH, None),
    "not-found": (404, FailureKind.MODEL_NOT_FOUND, None),
    "context-overflow": (400, FailureKind.CONTEXT_OVERFLOW, None),
}


@pytest.mark.parametrize("model", FAILURES)
async def test_every_error_is_read_as_what_it_is(model: str) -> None:
    answer = await asked(model)
    failure = GEMINI.failure(answer.status, answer.headers, answer.body, 0.0)
    assert (failure.status, failure.kind, failure.retry_after) == FAILURES[model]


async def test_what_failed_once_is_answered_when_asked_again() -> None:
    provider = EmbeddedProvider()
    other = {"contents": [{"parts": [{"text": "another"}]}]}
    asks = [HI, other, HI, other, HI]
    assert [(await asked("500-once", body, provider)).status for body in asks] == [500, 500, 200, 200, 500]


async def test_what_is_no_request_is_complained_of_in_its_words() -> None:
    answer = await asked("demo", {"contents": []})
    assert (answer.status, orjson.loads(answer.body)["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def events_of(model: str, *, stream: bool) -> list[StreamEvent]:
    """What our own reader takes the answer for."""
    path = f"/v1beta/models/{model}:{'streamGenerateContent' if stream else 'generateContent'}"
    asked = call(EmbeddedProvider(), "POST", path, orjson.dumps(HI))
    try:
        answer = await asked.finish()
    except ConnectionCut:
        answer = asked.answer
    if not stream:
        return GEMINI.answer(answer.body)
    reader = GEMINI.stream()
    found, _ = reader.feed(answer.body)
    return found + reader.end()


@pytest.mark.parametrize(
    ("model", "streamed", "whole"),
    [
        ("ok", FinishReason.STOP, FinishReason.STOP),
        ("refuse", FinishReason.CONTENT_FILTER, FinishReason.CONTENT_FILTER),
        ("long-100", FinishReason.STOP, FinishReason.STOP),
        ("empty", FailureKind.EMPTY, FailureKind.EMPTY),
        ("garbage", FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE),
        ("cut", FailureKind.STREAM_BROKEN, FailureKind.UNAVAILABLE),
        ("no-finish", FailureKind.STREAM_BROKEN, FailureKind.UNAVAILABLE),
        ("no-done", FinishReason.STOP, FinishReason.STOP),
    ],
)
async def test_how_its_answers_end(model: str, streamed: object, whole: object) -> None:
    for stream, expected in ((True, streamed), (False, whole)):
        last = (await events_of(model, stream=stream))[-1]
        assert isinstance(last, Broken | Finished)
        assert (last.failure.kind if isinstance(last, Broken) else last.reason) is expected
