"""The gateway from the outside, message by message: what is answered, what is refused before a provider is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Answer, Call, ask, http_scope, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute_asgi import Gateway, gateway

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=log, transport=upstream, max_body=50_000)
    async with lifespan(app):
        yield app


def error(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["error"]
    return found


async def test_a_json_answer_is_the_providers_own(app: Gateway) -> None:
    answer = await ask(app, "POST", CHAT, chat("500"), JSON)
    assert answer.status == 502
    answer = await ask(app, "POST", CHAT, chat("swap"), JSON)
    assert answer.status == 200
    assert json.loads(answer.body)["choices"][0]["finish_reason"] == "stop"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))


async def test_what_answered_is_in_the_headers(app: Gateway) -> None:
    headers = (await ask(app, "POST", CHAT, chat("swap"), [*JSON, ("x-request-id", "mine-1")])).headers
    assert headers["x-request-id"] == "mine-1"
    assert headers["x-policyroute-target"] == "ok"
    assert headers["x-policyroute-attempts"] == "2"
    assert headers["x-policyroute-rule"] == "swap"
    assert len(headers["x-policyroute-revision"]) == 12
    assert len(headers["x-policyroute-decision-id"]) == 32


async def test_response_headers_of_a_rule_are_applied(app: Gateway) -> None:
    headers = (await ask(app, "POST", CHAT, chat("ok"), JSON)).headers
    assert headers["x-house"] == "local"
    assert "x-request-id" not in headers


async def test_a_stream_is_passed_on_event_by_event(app: Gateway) -> None:
    answer = await ask(app, "POST", CHAT, chat("ok", stream=True), JSON)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert len(answer.chunks) > 3
    assert all(chunk.endswith(b"\n\n") for chunk in answer.chunks if chunk)
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("model", ["cut", "no-finish"])
async def test_a_stream_that_breaks_never_looks_complete(app: Gateway, model: str) -> None:
    answer = await ask(app, "POST", CHAT, chat(model, stream=True), JSON)
    assert answer.status == 200
    *events, last = answer.body.decode().strip().split("\n\n")
    assert events
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stream_broken"
    assert b"[DONE]" not in answer.body


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("throttle", 429, "rate_limited"),
        ("500", 502, "unavailable"),
        ("auth", 502, "upstream_auth"),
        ("garbage", 502, None),
        ("empty", 502, "empty"),
        ("not-found", 404, "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_trouble_upstream_is_an_error_of_ours(
    app: Gateway, model: str, status: int, code: str | None, stream: bool
) -> None:
    answer = await ask(app, "POST", CHAT, chat(model, stream=stream), JSON)
    assert answer.status == status
    told = error(answer)
    assert code in {None, told["code"]}
    assert told["policyroute"]["decision_id"] == answer.headers["x-policyroute-decision-id"]
    assert answer.headers["x-should-retry"] == str(told["policyroute"]["retry"]).lower()
    assert b"Traceback" not in answer.body


async def test_a_rate_limit_says_when_to_come_back(app: Gateway) -> None:
    answer = await ask(app, "POST", CHAT, chat("throttle"), JSON)
    assert answer.headers["retry-after"] == "7"
    assert error(answer)["policyroute"]["retry_after"] == pytest.approx(7, abs=0.5)


BIG = chat("ok", "x" * 60_000)
REFUSED = [
    pytest.param(b"{", JSON, (400, "invalid_json"), id="no-json"),
    pytest.param(b"[]", JSON, (400, "invalid_json"), id="no-object"),
    pytest.param(b"", JSON, (400, "invalid_json"), id="no-body"),
    pytest.param(b'{"model": "ok"}', JSON, (400, None), id="no-messages"),
    pytest.param(chat("ok"), [], (415, "unsupported_media_type"), id="no-type"),
    pytest.param(chat("ok"), [("content-type", "text/plain")], (415, "unsupported_media_type"), id="text"),
    pytest.param(chat("ok"), [*JSON, ("content-encoding", "gzip")], (415, "unsupported_encoding"), id="gzip"),
    pytest.param(BIG, JSON, (413, "body_too_large"), id="large"),
    pytest.param([BIG[:40_000], BIG[40_000:]], JSON, (413, "body_too_large"), id="large-in-chunks"),
    pytest.param([], [*JSON, ("content-length", "50001")], (413, "body_too_large"), id="large-by-its-word"),
    pytest.param(chat("ok"), [*JSON, ("x-router-profile", "FASTEST")], (400, "unknown_profile"), id="profile"),
    pytest.param(chat("unheard-of"), JSON, (404, "model_not_found"), id="model"),
    pytest.param(chat("auto"), JSON, (404, "model_not_found"), id="auto"),
    pytest.param(chat("nobody"), JSON, (403, "no_eligible_target"), id="nobody"),
    pytest.param(chat("forbidden"), JSON, (403, "forbidden_model"), id="denied"),
]


@pytest.mark.parametrize(("body", "headers", "expected"), REFUSED)
async def test_what_cannot_be_served_is_refused_before_a_provider_is_asked(
    app: Gateway, upstream: Counting, body: Any, headers: list[tuple[str, str]], expected: tuple[int, str | None]
) -> None:
    status, code = expected
    answer = await ask(app, "POST", CHAT, body, headers)
    assert answer.status == status
    told = error(answer)
    assert code in {None, told["code"]}
    assert told["message"]
    assert told["policyroute"] == {"retry": False, "decision_id": answer.headers["x-policyroute-decision-id"]}
    assert upstream.requests == []


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
async def test_json_by_other_names(app: Gateway, kind: str) -> None:
    assert (await ask(app, "POST", CHAT, chat("ok"), [("content-type", kind)])).status == 200


async def test_a_body_in_pieces_is_one_body(app: Gateway) -> None:
    body = chat("ok")
    assert (await ask(app, "POST", CHAT, [body[:10], b"", body[10:]], JSON)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CHAT, 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/ok", 405, "method_not_allowed"),
        ("GET", "/v1/models/unheard-of", 404, "model_not_found"),
        ("GET", "/v1/models/", 404, "not_found"),
        ("GET", "/v1/responses", 405, "method_not_allowed"),
        ("GET", "/v1/responses/resp_1", 404, "not_served"),
        ("DELETE", "/v1/responses/resp_1", 404, "not_served"),
        ("POST", "/v1/responses/resp_1/cancel", 404, "not_served"),
        ("POST", "/v1/responses/compact", 404, "not_served"),
        ("POST", "/v1/embeddings/", 404, "not_found"),
        ("POST", "/v1/images/generations", 404, "not_served"),
        ("GET", "/v1/files/f1", 404, "not_served"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/metrics", 404, "not_found"),
    ],
)
async def test_other_paths(app: Gateway, method: str, path: str, status: int, code: str) -> None:
    answer = await ask(app, method, path)
    assert (answer.status, error(answer)["code"]) == (status, code)
    assert answer.headers.get("allow") == (
        ({CHAT: "POST", "/v1/responses": "POST"}.get(path) or "GET") if status == 405 else None
    )


async def test_models_are_the_targets(app: Gateway) -> None:
    listed = json.loads((await ask(app, "GET", "/v1/models")).body)
    assert listed["object"] == "list"
    assert {"ok", "throttle", "500"} <= {row["id"] for row in listed["data"]}


async def test_one_model_is_told_as_it_is_listed(app: Gateway) -> None:
    listed = json.loads((await ask(app, "GET", "/v1/models")).body)["data"]
    told = json.loads((await ask(app, "GET", "/v1/models/not-found")).body)
    assert told in listed
    assert told["id"] == "not-found"


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_let_go(
    policies: Path, upstream: Counting, log: Log
) -> None:
    app = gateway(policies, log=log, transport=upstream)
    async with lifespan(app):
        part = {"type": "http.request", "body": b'{"model"', "more_body": True}
        call = Call(app, http_scope("POST", CHAT, JSON), [part, {"type": "http.disconnect"}])
        answer = await call.finish()
    assert answer.messages == []
    assert upstream.requests == []
    assert [(line["status"], line["outcome"]) for line in log.lines] == [(499, "client_closed")]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_closes_its_connection_is_no_bug_of_ours(
    app: Gateway, log: Log, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    tried = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chat("ok", stream=stream), "more_body": False}

    async def send(message: Any) -> None:
        nonlocal tried
        tried += 1
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    await app(http_scope("POST", CHAT, JSON), receive, send)
    await app.aclose()
    assert [(line["outcome"], line["status"]) for line in log.lines] == [("client_closed", 499)]
    assert tried == 1
    assert not [record for record in caplog.records if record.name == "policyroute.edge"]


@pytest.mark.parametrize(
    ("expose", "shown"),
    [
        ("none", set[str]()),
        ("id", {"decision-id"}),
        ("full", {"decision-id", "target", "rule", "revision", "attempts"}),
    ],
)
async def test_expose(policies: Path, upstream: Counting, expose: Any, shown: set[str]) -> None:
    app = gateway(policies, log=None, transport=upstream, expose=expose)
    async with lifespan(app):
        headers = (await ask(app, "POST", CHAT, chat("swap"), JSON)).headers
    assert {name.removeprefix("x-policyroute-") for name in headers if name.startswith("x-policyroute-")} == shown


async def test_callers_from_elsewhere_see_the_id_only(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream, open_to_all=True)
    async with lifespan(app):
        answer = await ask(app, "POST", CHAT, chat("swap"), [*JSON, ("x-forwarded-for", "192.0.2.1")])
    assert answer.status == 200
    assert "x-policyroute-decision-id" in answer.headers
    assert "x-policyroute-target" not in answer.headers


async def test_under_a_prefix(policies: Path, upstream: Counting) -> None:
    app = gateway(policies, log=None, transport=upstream, prefix="/llm")
    async with lifespan(app):
        assert (await ask(app, "POST", f"/llm{CHAT}", chat("ok"), JSON)).status == 200
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 404


async def test_a_bug_is_told_by_its_decision_id_and_logged_without_content(
    policies: Path, upstream: Counting, caplog: pytest.LogCaptureFixture, log: Log
) -> None:
    def who(scope: Any) -> None:
        raise RuntimeError("the caller said: my password is hunter2")

    app = gateway(policies, client=who, log=log, transport=upstream)
    async with lifespan(app):
        answer = await ask(app, "POST", CHAT, chat("ok"), JSON)
    assert answer.status == 500
    assert error(answer)["code"] == "internal_error"
    assert error(answer)["policyroute"]["retry"] is False
    decision_id = answer.headers["x-policyroute-decision-id"]
    (record,) = (record for record in caplog.records if record.name == "policyroute.edge")
    assert decision_id in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "hunter2" not in caplog.text + answer.body.decode() + log.text.decode()


async def test_nothing_secret_and_no_content_is_ever_said(
    app: Gateway, secret: str, log: Log, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    said = b""
    headers = [*JSON, ("authorization", "Bearer users-own-key"), ("cookie", "session=users-cookie")]
    for model in ("ok", "swap", "throttle", "auth", "garbage", "cut", "unheard-of", "forbidden"):
        for stream in (True, False):
            answer = await ask(app, "POST", CHAT, chat(model, "the prompt is private", stream=stream), headers)
            said += answer.body + repr(answer.raw_headers).encode()
    said += (await ask(app, "GET", "/metrics")).body + (await ask(app, "GET", "/-/policy")).body
    await app.aclose()
    out = capfd.readouterr()
    logs = log.text.decode() + caplog.text + out.out + out.err
    for hidden in (secret, secret[:8], "users-own-key", "users-cookie"):
        assert hidden not in said.decode() + logs
    assert "private" not in logs
    assert len(log.lines) == 16


async def test_the_users_credentials_stay_here(app: Gateway, upstream: Counting, secret: str) -> None:
    headers = [*JSON, ("authorization", "Bearer users-own-key"), ("cookie", "a=b"), ("x-api-key", "k"), ("x-own", "1")]
    await ask(app, "POST", f"{CHAT}?key=k", chat("ok"), headers)
    (sent,) = upstream.requests
    assert sent.headers["authorization"] == f"Bearer {secret}"
    assert not {"cookie", "x-api-key", "x-own"} & set(sent.headers)
    assert "key" not in str(sent.url)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"expose": "bogus"}, ValueError),
        ({"allowed_hosts": "llm.example"}, TypeError),
        ({"allowed_origins": "https://llm.example"}, TypeError),
        ({"trusted_proxies": "10.0.0.1"}, TypeError),
        ({"client": "ci"}, TypeError),
    ],
)
def test_options_that_cannot_be_meant_are_refused_at_once(
    options: dict[str, Any], expected: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(expected, match=next(iter(options))):
        gateway(tmp_path, **options)


@pytest.mark.parametrize("policies", [None, "", 5, ["policies/"]])
def test_no_directory_is_no_policy(policies: Any) -> None:
    with pytest.raises(TypeError, match="policies must be a directory"):
        gateway(policies)
