"""The app's own service is asked before texts are sent and before answers are given; without its word nothing goes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.echoing import Echo, Echoes, everything

from policyroute_asgi import ANONYMOUS, Moderation, Refuse, Router
from policyroute_asgi.audit import stored
from policyroute_asgi.moderating import texts_of

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true}
  away: {dialect: openai_chat, base_url: "http://away/v1", insecure: true}
targets:
  one: {provider: home, model: m}
  two: {provider: away, model: m}
default: {route: [one, two], fallback: {retries: 0, swap_delay: 0ms, mid_stream: continue}}
"""
REDACTING = (
    "rules: [{id: pii, redact: {detect: [email], restore: true, where: 'target.provider == \"away\"'}}]\n" + POLICY
)
ASKED = "Say nothing of hunter2, please."


class Hook:
    """Lets everything pass but texts that contain one of `bad`, and keeps what it was asked."""

    def __init__(self, *bad: str, refusal: Refuse | None = None) -> None:
        self.asked: list[Moderation] = []
        self._bad = bad
        self._refusal = refusal or Refuse()

    async def __call__(self, asked: Moderation) -> Refuse | None:
        self.asked.append(asked)
        return self._refusal if any(bad in text for text in asked.texts for bad in self._bad) else None

    @property
    def about(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(each.direction, each.texts) for each in self.asked]


@asynccontextmanager
async def routed(
    folder: Path, echoes: Echoes, moderate: Any, policy: str = POLICY, **options: Any
) -> AsyncGenerator[tuple[httpx.AsyncClient, Router]]:
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "policy.yaml").write_text(policy)
    async with (
        Router(policies, transport=echoes, moderate=moderate, **options) as router,
        router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
    ):
        yield client, router


async def chat(client: httpx.AsyncClient, said: str = ASKED, **more: Any) -> httpx.Response:
    body = {"model": "x", "messages": [{"role": "user", "content": said}], **more}
    return await client.post("/v1/chat/completions", json=body, headers={"x-conversation-id": "c1"})


def told(answer: httpx.Response) -> str:
    """The text of an answer that is complete."""
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["choices"][0]["message"]["content"])
    assert answer.text.rstrip().endswith("data: [DONE]"), answer.text[-300:]
    return begun(answer)


def begun(answer: httpx.Response) -> str:
    """The text of a stream, complete or not."""
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    parts = [each["choices"][0]["delta"].get("content") for each in events if each.get("choices")]
    return "".join(part or "" for part in parts)


def says(text: str) -> Callable[[str], str]:
    return lambda _: text


def counted(router: Router) -> set[str]:
    lines = router.services.metrics.exposition().decode().splitlines()
    return {line for line in lines if line.startswith("policyroute_moderations_total")}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("answers", ["hold", "end"])
async def test_it_sees_what_is_sent_and_what_is_said(tmp_path: Path, stream: bool, answers: str) -> None:
    hook, said = Hook(), "A letter of three sentences, and more. "
    async with routed(tmp_path, Echoes(home=Echo(says=says(said))), hook, moderate_answers=answers) as (client, router):
        assert told(await chat(client, stream=stream)) == said
        assert counted(router) == {
            f'policyroute_moderations_total{{direction="{direction}",outcome="passed"}} 1.0'
            for direction in ("request", "answer")
        }
    assert hook.about == [("request", (ASKED,)), ("answer", (said,))]
    asked = hook.asked[0]
    assert (asked.target, asked.provider, asked.client.id, asked.conversation) == ("one", "home", "anonymous", "c1")
    assert "hunter2" not in repr(asked)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_it_refuses_goes_to_nobody(tmp_path: Path, stream: bool) -> None:
    hook, echoes = Hook("hunter2"), Echoes(home=Echo(), away=Echo())
    async with routed(tmp_path, echoes, hook) as (client, _):
        answer = await chat(client, stream=stream)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer.headers["x-should-retry"]) == (403, "moderated", "false")
    assert len(hook.asked) == 1
    assert not echoes.by_host["home"].got and not echoes.by_host["away"].got


async def test_a_refusal_says_what_the_app_wants_said_in_the_clients_dialect(tmp_path: Path) -> None:
    refusal = Refuse("Not about that.", code="off_topic", status=422)
    body = {"model": "x", "max_tokens": 9, "messages": [{"role": "user", "content": ASKED}]}
    async with routed(tmp_path, Echoes(home=Echo()), Hook("hunter2", refusal=refusal)) as (client, _):
        answer = await client.post("/v1/messages", json=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "error"
    assert "Not about that." in answer.json()["error"]["message"]
    assert "off_topic" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [{"status": 200}, {"status": 500}, {"code": "Off topic"}, {"code": ""}, {"message": ""}, {"message": "x" * 1001}],
)
def test_a_refusal_that_could_not_be_told_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="refusal"):
        Refuse(**wrong)


async def test_it_is_asked_once_about_the_same_texts_whoever_is_to_get_them(tmp_path: Path) -> None:
    hook, echoes = Hook(), Echoes(home=Echo(down=True), away=Echo(says=says("Yes.")))
    async with routed(tmp_path, echoes, hook) as (client, _):
        assert told(await chat(client)) == "Yes."
    assert hook.about == [("request", (ASKED,)), ("answer", ("Yes.",))]
    assert [each.provider for each in hook.asked] == ["home", "away"]


async def test_it_sees_a_request_as_it_is_sent_and_an_answer_as_it_is_shown(tmp_path: Path) -> None:
    hook, echoes = Hook(), Echoes(home=Echo(down=True), away=Echo())
    async with routed(tmp_path, echoes, hook, REDACTING) as (client, _):
        assert "Write to zoe@mail.example." in told(await chat(client, "Write to zoe@mail.example."))
    (_, first), (direction, second), (_, answer) = hook.about
    assert first == ("Write to zoe@mail.example.",)
    assert direction == "request" and second[0].startswith("Write to ZQ")
    assert any("zoe@mail.example" in text for text in answer)


async def test_what_is_refused_for_the_second_candidate_ends_it(tmp_path: Path) -> None:
    hook, echoes = Hook("ZQ"), Echoes(home=Echo(down=True), away=Echo())
    async with routed(tmp_path, echoes, hook, REDACTING) as (client, _):
        answer = await chat(client, "Write to zoe@mail.example.")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "moderated")
    assert not echoes.by_host["away"].got


async def test_of_an_answer_that_it_refuses_nothing_is_given(tmp_path: Path) -> None:
    hook, echoes = Hook("bomb"), Echoes(home=Echo(says=says("How to make a bomb: do this.")), away=Echo())
    async with routed(tmp_path, echoes, hook) as (client, _):
        for stream in (False, True):
            answer = await chat(client, stream=stream)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "moderated")
            assert "bomb" not in answer.text
    assert not echoes.by_host["away"].got, "the answer was there: nobody else is asked for another"


async def test_where_only_the_end_is_held_a_stream_that_is_refused_has_none(tmp_path: Path) -> None:
    said = "How to make a bomb: do this."
    echoes = Echoes(home=Echo(says=says(said)))
    async with routed(tmp_path, echoes, Hook("do this"), moderate_answers="end") as (client, _):
        answer = await chat(client, stream=True)
        whole = await chat(client)
    assert answer.status_code == 200 and said.startswith(begun(answer)) and begun(answer)
    assert "[DONE]" not in answer.text and '"finish_reason":"stop"' not in answer.text
    assert "moderated" in answer.text
    assert (whole.status_code, whole.json()["error"]["code"]) == (403, "moderated")


async def test_an_answer_that_another_goes_on_with_is_seen_as_a_whole(tmp_path: Path) -> None:
    said = "One two three four five six seven eight nine ten."

    def rest(body: str) -> str:
        last = [turn["content"] for turn in json.loads(body)["messages"] if turn["role"] == "assistant"]
        return said.removeprefix(last[-1]) if last else said

    hook, echoes = Hook(), Echoes(home=Echo(says=rest, cut=4), away=Echo(says=rest))
    async with routed(tmp_path, echoes, hook, moderate_answers="end") as (client, _):
        assert told(await chat(client, stream=True)) == said
    assert echoes.by_host["away"].got
    assert [texts for direction, texts in hook.about if direction == "answer"] == [(said,)]


async def test_what_is_held_whole_is_begun_anew_where_it_breaks_off(tmp_path: Path) -> None:
    said = "One two three four five six seven."
    hook, echoes = Hook(), Echoes(home=Echo(says=says(said), cut=4), away=Echo(says=says(said)))
    async with routed(tmp_path, echoes, hook) as (client, _):
        assert told(await chat(client, stream=True)) == said
    assert hook.about == [("request", (ASKED,)), ("answer", (said,))]


@pytest.mark.parametrize("stream", [False, True])
async def test_arguments_of_a_call_are_text_too(tmp_path: Path, stream: bool) -> None:
    hook, echoes = Hook("bomb"), Echoes(home=Echo(says=says("a bomb"), calls=True))
    tool: dict[str, Any] = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {}}}
    async with routed(tmp_path, echoes, hook) as (client, _):
        answer = await chat(client, tools=[tool], stream=stream)
    assert answer.status_code == 403 and hook.about[-1] == ("answer", ('{"said": "a bomb"}',))
    assert "Looks." in hook.asked[0].texts


@pytest.mark.parametrize("stream", [False, True])
async def test_no_word_hides_in_escapes(tmp_path: Path, stream: bool) -> None:
    hook = Hook("bomb", "h\U0001f4a3")
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"said": "a \\u0062omb"}'}}
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    turns.append({"role": "tool", "tool_call_id": "c", "content": "done"})
    echoes = Echoes(home=Echo(says=says("h\U0001f4a3"), calls=True))
    async with routed(tmp_path, echoes, hook) as (client, _):
        sent = await client.post("/v1/chat/completions", json={"model": "x", "messages": turns, "stream": stream})
        said = await chat(client, stream=stream)
    assert (sent.status_code, said.status_code) == (403, 403)
    assert [each.direction for each in hook.asked] == ["request", "request", "answer"]


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_need_not_be_asked_about(tmp_path: Path, stream: bool) -> None:
    hook = Hook("bomb")
    async with routed(tmp_path, Echoes(home=Echo(says=says("bomb"))), hook, moderate_answers="off") as (client, _):
        assert told(await chat(client, stream=stream)) == "bomb"
    assert hook.about == [("request", (ASKED,))]


async def raising(asked: Moderation) -> None:
    raise RuntimeError(asked.texts[0])


async def hanging(asked: Moderation) -> None:
    await asyncio.Event().wait()


async def stubborn(asked: Moderation) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise RuntimeError(asked.texts[0]) from None


async def cancelled(asked: Moderation) -> None:
    raise asyncio.CancelledError(asked.texts[0])


async def wordy(asked: Moderation) -> str:
    return asked.texts[0]


async def agreeing(asked: Moderation) -> bool:
    return True


def plain(asked: Moderation) -> None:
    return None


@pytest.mark.parametrize(
    ("moderate", "outcome"),
    [
        (raising, "error"),
        (hanging, "timeout"),
        (stubborn, "timeout"),
        (cancelled, "error"),
        (wordy, "error"),
        (agreeing, "error"),
        (plain, "error"),
    ],
)
async def test_without_a_verdict_in_time_nothing_goes(
    tmp_path: Path, moderate: Any, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    echoes = Echoes(home=Echo(), away=Echo())
    with caplog.at_level(logging.INFO):
        async with routed(tmp_path, echoes, moderate, moderate_timeout=0.02) as (client, router):
            answer = await chat(client)
            assert counted(router) == {f'policyroute_moderations_total{{direction="request",outcome="{outcome}"}} 1.0'}
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "moderation_unavailable")
    assert not echoes.by_host["home"].got and not echoes.by_host["away"].got
    assert "moderation" in caplog.text and "hunter2" not in caplog.text and "hunter2" not in answer.text


async def test_an_answer_without_a_verdict_is_not_given(tmp_path: Path) -> None:
    async def only_requests(asked: Moderation) -> None:
        if asked.direction == "answer":
            await asyncio.Event().wait()

    async with routed(tmp_path, Echoes(home=Echo()), only_requests, moderate_timeout=0.02) as (client, _):
        for stream in (False, True):
            answer = await chat(client, stream=stream)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "moderation_unavailable")


async def test_a_client_that_goes_takes_the_question_with_it(tmp_path: Path) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def waiting(_: Moderation) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    echoes = Echoes(home=Echo())
    async with routed(tmp_path, echoes, waiting, moderate_timeout=60) as (client, _):
        request = asyncio.create_task(chat(client))
        await asked.wait()
        request.cancel()
        await asyncio.wait_for(gone.wait(), 5)
    assert not echoes.by_host["home"].got


async def test_the_record_says_that_nothing_was_sent(tmp_path: Path) -> None:
    policy, state = POLICY + "audit: fail_closed\n", tmp_path / "state"
    async with routed(tmp_path, Echoes(home=Echo()), Hook("hunter2"), policy, state_dir=state) as (client, _):
        assert (await chat(client)).status_code == 403
        assert (await chat(client, "Hello")).status_code == 200
    first, second = (record for record in records(state / "audit") if "decision" in record)
    assert (first["decision"], first["refusal"], first["after"]["bytes"]) == ("refused", "moderated", 0)
    assert second["decision"] == "forwarded"
    assert not first["exposure"], "nobody has anything of it"


def records(directory: Path) -> Iterable[dict[str, Any]]:
    for lines in stored.chains(directory).values():
        for line in lines:
            entry: dict[str, Any] = json.loads(line.data)
            yield entry["content"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"moderate": "no callable"}, TypeError),
        ({"moderate": hanging, "moderate_timeout": 0}, ValueError),
        ({"moderate": hanging, "moderate_answers": "maybe"}, ValueError),
    ],
)
def test_what_cannot_be_asked_so_is_said_at_once(tmp_path: Path, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="moderate"):
        Router(tmp_path, **options)


RICH = Path(__file__).parents[1] / "exchange" / "rich"


@pytest.mark.parametrize("dialect", ["anthropic", "gemini", "openai_chat", "openai_responses"])
def test_every_text_of_a_request_is_asked_about_and_no_file(dialect: str) -> None:
    body = (RICH / f"{dialect}.json").read_bytes()
    texts = texts_of(body)
    sentences = [text for text in everything(body.decode()).split("\n") if " " in text]
    assert len(sentences) > 10
    assert [text for text in sentences if not any(text in asked for asked in texts)] == []
    assert not any("JVBERi0" in text or text.startswith("https://") or text in {"m", "user"} for text in texts)


def test_what_is_to_be_embedded_is_text() -> None:
    assert texts_of(b'{"model": "m", "input": ["One", "Two words"], "encoding_format": "float"}')[:2] == (
        "One",
        "Two words",
    )
