"""The middleware: LLM paths are its own, everything else reaches the app with the very same objects."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.support.asgi import Call, ask, call, http_scope, lifespan, serving
from tests.support.edge import JSON, Counting, Log, chat

from policyroute.request import Client
from policyroute_asgi import ANONYMOUS, PolicyRouteMiddleware
from policyroute_asgi.embedded import EmbeddedProvider

CHAT = "/v1/chat/completions"


class Inner:
    """An app that remembers what it was called with and answers `inner`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append((scope, receive, send))
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["inner"] = "started"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Own", b"1")]})
            await send({"type": "http.response.body", "body": b"inner"})


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "scope",
    [
        http_scope("GET", "/"),
        http_scope("POST", "/v1/files"),
        http_scope("POST", "/v1/images/generations"),
        http_scope("GET", "/metrics"),
        http_scope("GET", "/readyz"),
        http_scope("GET", "/-/policy"),
        {"type": "websocket", "path": CHAT},
        {"type": "something.new", "path": CHAT},
    ],
    ids=lambda scope: f"{scope['type']} {scope['path']}",
)
async def test_what_is_not_ours_passes_untouched(inner: Inner, tmp_path: Path, scope: Scope) -> None:
    app = PolicyRouteMiddleware(inner, tmp_path / "not-even-there", client=ANONYMOUS)

    async def receive() -> Any: ...
    async def send(message: Any) -> None: ...

    before = dict(scope)
    await app(scope, receive, send)
    ((seen, seen_receive, seen_send),) = inner.calls
    assert seen is scope
    assert seen_receive is receive
    assert seen_send is send
    assert scope == before


@pytest.mark.anyio
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses"])
async def test_llm_paths_never_reach_the_app(inner: Inner, policies: Path, upstream: Counting, path: str) -> None:
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    await ask(app, "POST", path, chat("ok"), JSON)
    assert inner.calls == []
    await app.aclose()


@pytest.mark.anyio
async def test_it_starts_and_ends_with_the_apps_lifespan(inner: Inner, policies: Path, upstream: Counting) -> None:
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    async with lifespan(app) as state:
        assert state == {"inner": "started"}
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
    assert [scope["type"] for scope, _, _ in inner.calls] == ["lifespan"]


@pytest.mark.anyio
async def test_it_starts_lazily_where_no_lifespan_reaches_it_once(
    inner: Inner, policies: Path, upstream: Counting
) -> None:
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    answers = await asyncio.gather(*(ask(app, "POST", CHAT, chat("ok"), JSON) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    assert len({answer.headers["x-policyroute-revision"] for answer in answers}) == 1
    await app.aclose()
    assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
    await app.aclose()


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_does_not_stop_the_start(inner: Inner, policies: Path) -> None:
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS)
    first, second = (call(app, "POST", CHAT, chat("ok"), JSON) for _ in range(2))
    await asyncio.sleep(0)
    first.task.cancel()
    assert (await second.finish()).status == 200
    await app.aclose()


def test_it_serves_one_event_loop_after_the_other(inner: Inner, policies: Path) -> None:
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS)

    async def once() -> int:
        status = (await ask(app, "POST", CHAT, chat("ok"), JSON)).status
        await app.aclose()
        return status

    assert [asyncio.run(once()) for _ in range(2)] == [200, 200]


def test_what_nobody_closes_ends_with_its_event_loop(inner: Inner, policies: Path, log: Log) -> None:
    async def once() -> int:
        app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, log=log)
        async with serving(EmbeddedProvider()) as provider:
            policy = policies / "policy.yaml"
            policy.write_text(policy.read_text().replace('"embedded:"', f"{provider}/v1"))
            return (await ask(app, "POST", CHAT, chat("ok"), JSON)).status

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert asyncio.run(once()) == 200
        gc.collect()
    assert [str(warning.message) for warning in told] == []
    assert len(log.lines) == 1


@pytest.mark.anyio
async def test_a_broken_policy_keeps_the_app_from_starting(inner: Inner, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\n")
    app = PolicyRouteMiddleware(inner, tmp_path, client=ANONYMOUS)
    with pytest.raises(RuntimeError, match="missing-default"):
        async with lifespan(app):
            pass
    assert inner.calls == []


@pytest.mark.anyio
async def test_a_broken_policy_met_lazily_answers_503_until_it_is_mended(
    inner: Inner, policies: Path, upstream: Counting
) -> None:
    good = (policies / "policy.yaml").read_text()
    (policies / "policy.yaml").write_text("version: 1\n")
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    answer = await ask(app, "POST", CHAT, chat("ok"), JSON)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "policy_unavailable")
    assert (await ask(app, "GET", "/")).body == b"inner"
    (policies / "policy.yaml").write_text(good)
    assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
    await app.aclose()


@pytest.mark.anyio
async def test_the_callers_facts_decide_and_nobody_is_401(
    inner: Inner, policies: Path, upstream: Counting, log: Log
) -> None:
    def who(scope: Any) -> Client | None:
        name = dict(scope["headers"]).get(b"x-user")
        return Client(id=name.decode(), tenant="acme") if name else None

    app = PolicyRouteMiddleware(inner, policies, client=who, transport=upstream, log=log)
    known = await ask(app, "POST", CHAT, chat("ok"), [*JSON, ("x-user", "ann")])
    unknown = await ask(app, "POST", CHAT, chat("ok"), JSON)
    unlisted = await ask(app, "GET", "/v1/models")
    await app.aclose()
    assert known.headers["x-house"] == "acme"
    for answer in (unknown, unlisted):
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (401, "unauthenticated")
    assert len(upstream.requests) == 1
    assert [(line["client"], line["outcome"]) for line in log.lines] == [("ann", "ok"), (None, "unauthenticated")]


@pytest.mark.anyio
async def test_the_app_may_refuse_with_its_own_exception_and_is_told_of_its_mistakes(
    inner: Inner, policies: Path, upstream: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    def who(scope: Any) -> Any:
        if b"x-user" not in dict(scope["headers"]):
            raise HTTPException(403, "Not for you")
        return {"idd": "hunter2"}

    app = PolicyRouteMiddleware(inner, policies, client=who, transport=upstream)
    refused = await ask(app, "POST", CHAT, chat("ok"), JSON)
    mistaken = await ask(app, "POST", CHAT, chat("ok"), [*JSON, ("x-user", "ann")])
    await app.aclose()
    told = json.loads(refused.body)["error"]
    assert (refused.status, told["type"], told["message"]) == (403, "permission_error", "Not for you")
    told = json.loads(mistaken.body)["error"]
    assert (mistaken.status, told["code"], mistaken.headers["x-should-retry"]) == (500, "internal_error", "false")
    assert "`idd`, which is none of id, tenant" in caplog.text
    assert "hunter2" not in caplog.text + mistaken.body.decode()


def test_who_calls_is_never_left_open(inner: Inner, policies: Path) -> None:
    make: Any = PolicyRouteMiddleware
    with pytest.raises(TypeError, match="client"):
        make(inner, policies)
    with pytest.raises(TypeError, match="client"):
        make(inner, policies, client=None)


@pytest.mark.anyio
async def test_lines_go_to_the_apps_logging(
    inner: Inner, policies: Path, upstream: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "policyroute.requests")
    app = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    await ask(app, "POST", CHAT, chat("ok"), JSON)
    await app.aclose()
    (record,) = (record for record in caplog.records if record.name == "policyroute.requests")
    assert json.loads(record.getMessage())["client"] == "anonymous"


@pytest.mark.anyio
async def test_mounted_under_a_root_path(inner: Inner, policies: Path, upstream: Counting) -> None:
    app: ASGIApp = PolicyRouteMiddleware(inner, policies, client=ANONYMOUS, transport=upstream)
    scope = http_scope("GET", "/mounted/v1/models")
    scope["root_path"] = "/mounted"
    answer = await Call(app, scope, [{"type": "http.request"}]).finish()
    assert "ok" in {row["id"] for row in json.loads(answer.body)["data"]}
    assert isinstance(app, PolicyRouteMiddleware)
    await app.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("refuses", [True, False])
async def test_where_the_app_has_no_lifespan_it_is_the_middlewares_own(
    policies: Path, upstream: Counting, refuses: bool
) -> None:
    async def simple(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" and refuses:
            raise ValueError("only HTTP here")

    app = PolicyRouteMiddleware(simple, policies, client=ANONYMOUS, transport=upstream)
    before = asyncio.all_tasks()
    async with lifespan(app):
        assert asyncio.all_tasks() > before
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
    assert asyncio.all_tasks() == before
    (policies / "policy.yaml").write_text("version: 1\n")
    with pytest.raises(RuntimeError, match="missing-default"):
        async with lifespan(app):
            pass


@pytest.mark.anyio
async def test_an_app_that_fails_in_its_lifespan_fails_as_it_would_alone(policies: Path, upstream: Counting) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ConnectionError("no database")

    app = PolicyRouteMiddleware(failing, policies, client=ANONYMOUS, transport=upstream)
    with pytest.raises(ConnectionError):
        async with lifespan(app):
            pass
    await app.aclose()


@pytest.mark.anyio
async def test_facts_that_cannot_be_logged_do_not_harm_the_answer(
    inner: Inner, policies: Path, upstream: Counting, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    facts = {"id": "\ud800", "tenant": "acme"}
    app = PolicyRouteMiddleware(inner, policies, client=lambda scope: facts, transport=upstream, log=log)
    assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
    await app.aclose()
    assert log.lines == []
    assert "internal error" in caplog.text
