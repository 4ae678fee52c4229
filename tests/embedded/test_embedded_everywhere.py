"""What the embedded provider does in every dialect alike: as the vendors' own SDKs see it, and as our readers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import openai
import orjson
import pytest
from tests.support.asgi import Call, ask, call, serving
from tests.support.speakers import FINISHES, SCHEMA, Ask, Speaker, speaker

from policyroute.dialects import DIALECTS
from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta, Usage
from policyroute.failures import FailureKind
from policyroute_asgi.embedded import EmbeddedProvider

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]

HI: Mapping[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "hi there"}]},
    "openai_responses": {"input": "hi there"},
    "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi there"}]},
    "gemini": {"contents": [{"parts": [{"text": "hi there"}]}]},
}
ONE_AT_A_TIME: Mapping[str, dict[str, Any]] = {
    "openai_chat": {
        **HI["openai_chat"],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    },
    "openai_responses": {
        **HI["openai_responses"],
        "tools": [{"type": "function", "name": "look", "parameters": SCHEMA}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    },
    "anthropic": {
        **HI["anthropic"],
        "tools": [{"name": "look", "input_schema": SCHEMA}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    },
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    async with serving(EmbeddedProvider()) as url:
        yield url


@pytest.fixture(scope="module", params=DIALECTS)
async def asking(request: pytest.FixtureRequest, url: str) -> AsyncIterator[tuple[Speaker, str]]:
    async with speaker(request.param, url) as spoken:
        yield spoken, request.param


@pytest.mark.parametrize(
    ("model", "ask", "text", "calls", "finish"),
    [
        ("ok", Ask("hi there"), "ok says: hi there", 0, "stop"),
        ("ok", Ask("hi", tool=True), "", 1, "tools"),
        ("ok", Ask("hi", schema=True), '{"q": "x"}', 0, "stop"),
        ("parallel", Ask("hi", tool=True), "", 2, "tools"),
        ("any:parallel-5", Ask("hi", tool=True), "", 5, "tools"),
        ("parallel", Ask("hi"), "parallel says: hi", 0, "stop"),
        ("truncated-2", Ask("hi there"), "truncated-2 says: ", 0, "length"),
        ("truncated-100", Ask("hi there"), "truncated-100 says: hi there", 0, "stop"),
    ],
)
async def test_the_vendors_sdks_take_its_answers(  # noqa: PLR0913, PLR0917 - a row of the table
    asking: tuple[Speaker, str], model: str, ask: Ask, text: str, calls: int, finish: str
) -> None:
    spoken, dialect = asking
    whole = streamed = await spoken.whole(model, ask)
    try:
        streamed = await spoken.streamed(model, ask)
    except openai.LengthFinishReasonError:
        assert finish == "length"  # what its helper for streams makes of that
    assert whole == streamed
    assert (whole.text, whole.finish) == (text, FINISHES[dialect][finish])
    assert whole.calls == [("look", {"q": "x"})] * calls
    assert min(whole.usage) > 0


def asked(name: str, model: str, body: Mapping[str, Any], *, stream: bool) -> Call:
    dialect = DIALECTS[name]
    said = body if name == "gemini" else {**body, "model": model, "stream": stream}
    return call(EmbeddedProvider(), "POST", f"/v1beta{dialect.endpoint(model, stream)}", orjson.dumps(said))


def read(name: str, raw: bytes, *, stream: bool) -> list[StreamEvent]:
    if not stream:
        return DIALECTS[name].answer(raw)
    reader = DIALECTS[name].stream()
    events, _ = reader.feed(raw)
    return events + reader.end()


@pytest.mark.parametrize("parameters", [{}, {"type": "string"}, None])
async def test_the_arguments_of_a_call_are_an_object_whatever_its_schema_says(parameters: Any) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": parameters}}
    body = {**HI["openai_chat"], "tools": [tool], "tool_choice": "required"}
    answer = await asked("openai_chat", "m", body, stream=False).finish()
    (called,) = orjson.loads(answer.body)["choices"][0]["message"]["tool_calls"]
    assert called["function"]["arguments"] == "{}"


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
async def test_one_call_at_a_time_where_that_is_asked_for(name: str) -> None:
    for stream in (False, True):
        answer = await asked(name, "parallel", ONE_AT_A_TIME[name], stream=stream).finish()
        events = read(name, answer.body, stream=stream)
        assert {event.index for event in events if isinstance(event, ToolCallDelta)} == {0}


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(("model", "words"), [("stall-0", 0), ("stall-2", 2), ("slow-first-token-60s", 0)])
async def test_silence_lasts_until_the_client_has_enough(name: str, model: str, words: int) -> None:
    begun = asked(name, model, HI[name], stream=True)
    for _ in range(2 + words):  # the head, the opening, the words
        await begun.next()
    waiting = asked(name, model, HI[name], stream=False)
    await asyncio.sleep(0)
    for each in (begun, waiting):
        assert each.sent.empty()
        assert not each.task.done()
        if model.startswith("stall"):
            each.hang_up()
            await each.finish()
        else:
            each.task.cancel()


@pytest.mark.parametrize("name", DIALECTS)
async def test_an_answer_that_is_cut_at_its_limit_is_whole_but_for_that(name: str) -> None:
    for stream in (False, True):
        events = read(name, (await asked(name, "truncated", HI[name], stream=stream).finish()).body, stream=stream)
        (finished,) = [event for event in events if isinstance(event, Finished)]
        assert finished.reason is FinishReason.LENGTH
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "truncated says: hi "


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("path", ["", "?key=x"])
async def test_what_it_complains_of_is_in_the_words_of_its_dialect(name: str, path: str) -> None:
    dialect = DIALECTS[name]
    answer = await ask(EmbeddedProvider(), "POST", f"/v1beta{dialect.endpoint('m', False)}{path}", b'{"model": 3}')
    failure = dialect.failure(answer.status, answer.headers, answer.body, 0.0)
    assert (answer.status, failure.kind) == (400, FailureKind.INVALID_REQUEST)


@pytest.mark.parametrize(
    ("name", "path"), [("anthropic", "/messages/count_tokens"), ("gemini", "/models/m:countTokens")]
)
async def test_it_counts_as_the_answer_does(name: str, path: str) -> None:
    body = {each: value for each, value in HI[name].items() if each != "max_tokens"}
    said = body if name == "gemini" else {**body, "model": "m"}
    answer = await ask(EmbeddedProvider(), "POST", f"/v1beta{path}", orjson.dumps(said))
    whole = read(name, (await asked(name, "m", HI[name], stream=False).finish()).body, stream=False)
    usage = next(event for event in reversed(whole) if isinstance(event, Usage))
    assert list(orjson.loads(answer.body).values()) == [usage.input]
