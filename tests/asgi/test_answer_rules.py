"""Rules with `phase: response`, through the whole gateway: denied answers, headers, streams, and who is spared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from itertools import product
from pathlib import Path

import orjson
import pytest
from tests.support.asgi import Answer, ask, lifespan, serving
from tests.support.canaries import PROMPT
from tests.support.edge import JSON, Counting, Log
from tests.support.speakers import ERRORS, speaker
from tests.support.speakers import Ask as Asked

from policyroute.dialects import DIALECTS
from policyroute_asgi import Gateway, gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]

MODELS = ("ok", "refuse", "long-30", "stall-0")
ENDS = (b"[DONE]", b'"finish_reason":"', b"message_stop", b"message_delta", b"response.completed", b'"finishReason"')
"""What the end of a complete stream has in it, in one dialect or another."""
WHOLE_ENDS = (*ENDS, b'"finish_reason": "', b'"stop_reason"', b'"status":"completed"', b'"status": "completed"')

RULES = """
refusals: {phrases: ["OK says: I refuse"]}
rules:
  - id: not-shown
    phase: response
    when: response.refused && request.profile != "AGENT"
    deny: {status: 451, code: refused_here, message: The model would not}
  - id: word-7
    phase: response
    when: request.profile == "BATCH" && response.text.contains("word7 ")
    deny: {code: said_too_much}
  - id: flags
    phase: response
    when: request.profile == "AGENT"
    response_headers: {set: {X-Refused: {cel: string(response.refused)}, X-Ended: {cel: response.finish_reason}}}
  - id: dear
    phase: response
    when: request.profile == "SAVINGS" && has(usage.cost_usd) && usage.cost_usd > 0.0
    response_headers: {set: {X-Cost: {cel: string(usage.cost_usd)}}}
  - id: goes-on
    when: request.model == "swap"
    route: [openai_chat-refuse, openai_chat-ok]
    fallback: {after: {add: [refused]}}
  - id: erring
    phase: response
    when: client.id == "local" && request.profile == "NIGHTLY" && 1 / (size(response.text) - size(response.text)) > 0
    deny: {code: never}
"""
BODIES: Mapping[str, Mapping[str, object]] = {
    "openai_chat": {"messages": [{"role": "user", "content": PROMPT}]},
    "openai_responses": {"input": PROMPT},
    "anthropic": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 500},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
}
PATHS: Mapping[str, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages",
}


def policy(rules: str = RULES) -> str:
    lines = ["version: 1", "providers:"]
    lines += [f'  {name}: {{dialect: {name}, base_url: "embedded:"}}' for name in DIALECTS]
    lines += ["targets:"]
    lines += [
        f"  {name}-{model}: {{provider: {name}, model: {model}, price: {{input: 1, output: 2}}}}"
        for name in DIALECTS
        for model in MODELS
    ]
    lines += ["profiles: {known: [CHAT, AGENT, BATCH, SAVINGS, NIGHTLY]}", rules]
    return "\n".join([*lines, "default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}"])


@pytest.fixture
async def app(tmp_path: Path, log: Log) -> AsyncIterator[Gateway]:
    (tmp_path / "main.yaml").write_text(policy())
    app = gateway(tmp_path, log=log, transport=Counting())
    async with lifespan(app):
        yield app


async def asked(app: Gateway, dialect: str, model: str, *, stream: bool = False, profile: str = "CHAT") -> Answer:
    body = dict(BODIES[dialect])
    query = b""
    if dialect == "gemini":
        path = f"/v1beta/models/{model}:{'streamGenerateContent' if stream else 'generateContent'}"
        query = b"alt=sse" if stream else b""
    else:
        path = PATHS[dialect]
        body |= {"model": model, "stream": stream}
    target = f"{path}?{query.decode()}" if query else path
    return await ask(app, "POST", target, orjson.dumps(body), [*JSON, ("x-router-profile", profile)])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("client", "provider"), list(product(DIALECTS, DIALECTS)))
async def test_a_refusal_is_denied_in_the_clients_own_words(
    app: Gateway, log: Log, client: str, provider: str, stream: bool
) -> None:
    answer = await asked(app, client, f"{provider}-refuse", stream=stream)
    assert b"refused_here" in answer.body
    assert b"The model would not" in answer.body
    assert not [end for end in ENDS if end in answer.body]
    if not stream:
        assert answer.status == 451
        assert b"cannot help" not in answer.body
    passed = await asked(app, client, f"{provider}-ok", stream=stream)
    assert (passed.status, any(end in passed.body for end in WHOLE_ENDS)) == (200, True)
    await app.aclose()
    denied, served = log.lines
    assert (denied["outcome"], denied["fired"], denied["refused"]) == ("refused_here", ["not-shown"], True)
    assert (served["outcome"], served["fired"], served["refused"]) == ("ok", [], False)


@pytest.mark.parametrize(("client", "provider"), list(zip(DIALECTS, [*DIALECTS][1:] + [*DIALECTS][:1], strict=True)))
async def test_every_sdk_raises(tmp_path: Path, client: str, provider: str) -> None:
    (tmp_path / "main.yaml").write_text(policy(RULES.replace("response.refused &&", 'response.text != "" &&')))
    async with serving(gateway(tmp_path)) as url, speaker(client, url) as spoken:
        for model in (f"{client}-ok", f"{provider}-long-30"):
            for way in (spoken.whole, spoken.streamed):
                with pytest.raises(ERRORS, match="The model would not"):
                    await way(model, Asked(PROMPT))


@pytest.mark.parametrize("client", DIALECTS)
async def test_what_was_sent_of_a_denied_stream_stays_and_its_end_does_not_come(app: Gateway, client: str) -> None:
    answer = await asked(app, client, f"{client}-long-30", stream=True, profile="BATCH")
    text = answer.body.decode()
    assert answer.status == 200
    assert text.index("word1") < text.index("word20") < text.index("said_too_much")
    assert not [end for end in ENDS if end in answer.body]


@pytest.mark.parametrize("client", DIALECTS)
async def test_an_answer_that_passes_is_the_providers_byte_for_byte(
    app: Gateway, client: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("plain")
    (directory / "main.yaml").write_text(policy("rules: []"))
    plain = gateway(directory, transport=Counting())
    async with lifespan(plain):
        for stream in (True, False):
            judged = await asked(app, client, f"{client}-long-30", stream=stream)
            unjudged = await asked(plain, client, f"{client}-long-30", stream=stream)
            assert judged.body == unjudged.body
            assert [chunk for chunk in judged.chunks if chunk][:20] == [chunk for chunk in unjudged.chunks if chunk][
                :20
            ]


@pytest.mark.parametrize(("client", "provider"), [("openai_chat", "openai_chat"), ("anthropic", "gemini")])
async def test_headers_go_with_a_whole_answer_and_come_too_late_for_a_stream(
    app: Gateway, log: Log, client: str, provider: str
) -> None:
    whole = await asked(app, client, f"{provider}-refuse", profile="AGENT")
    assert (whole.status, whole.headers["x-refused"]) == (200, "true")
    assert whole.headers["x-ended"] == "refusal" if provider != "gemini" else "content_filter"
    stream = await asked(app, client, f"{provider}-ok", stream=True, profile="AGENT")
    assert (stream.status, "x-refused" in stream.headers) == (200, False)
    await app.aclose()
    assert [(line["fired"], line["too_late"]) for line in log.lines] == [(["flags"], []), (["flags"], ["flags"])]


async def test_a_header_may_say_what_it_cost(app: Gateway) -> None:
    answer = await asked(app, "openai_chat", "anthropic-ok", profile="SAVINGS")
    usage = orjson.loads(answer.body)["usage"]
    cost = (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1e6
    assert float(answer.headers["x-cost"]) == pytest.approx(cost)


async def test_phrases_make_an_answer_a_refusal(tmp_path: Path, log: Log) -> None:
    (tmp_path / "main.yaml").write_text(policy(RULES.replace("I refuse", PROMPT[:4])))
    app = gateway(tmp_path, log=log, transport=Counting())
    async with lifespan(app):
        for stream in (False, True):
            answer = await asked(app, "openai_chat", "gemini-ok", stream=stream)
            assert b"refused_here" in answer.body
    assert [line["refused"] for line in log.lines] == [True, True]


@pytest.mark.parametrize("stream", [False, True])
async def test_failover_comes_first(app: Gateway, log: Log, stream: bool) -> None:
    answer = await asked(app, "openai_chat", "swap", stream=stream)
    assert (answer.status, answer.headers["x-policyroute-target"]) == (200, "openai_chat-ok")
    await app.aclose()
    (line,) = log.lines
    assert (line["fired"], line["refused"]) == (["goes-on"], False)
    assert [attempt["refused"] for attempt in line["attempts"]] == [True, False]


async def test_a_rule_that_errs_denies_and_is_counted(app: Gateway, log: Log) -> None:
    answer = await asked(app, "openai_chat", "openai_chat-ok", profile="NIGHTLY")
    assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (500, "policy_error")
    metrics = (await ask(app, "GET", "/metrics")).body.decode()
    assert 'policyroute_rule_errors_total{consequence="applied",effect="deny",rule="erring"} 1.0' in metrics
    await app.aclose()
    assert [(line["outcome"], line["rule_errors"]) for line in log.lines] == [("policy_error", 1)]
