"""A gateway answers by its own names only, and web pages only where it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import ask, lifespan
from tests.support.edge import JSON, Counting, Log, chat

from policyroute.request import BadRequest
from policyroute_asgi import Gateway, gateway
from policyroute_asgi.guard import Guard

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
PAGE = "https://chat.example"


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=log, transport=upstream, allowed_hosts=["llm.example"], allowed_origins=[PAGE])
    async with lifespan(app):
        yield app


def refused(guard: Guard, **headers: str) -> str | None:
    try:
        guard.check({name.encode(): value.encode("latin-1") for name, value in headers.items()})
    except BadRequest as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8080", "localhost.", "app.localhost:1", "127.0.0.1", "127.0.0.1:8080", "10.1.2.3:80",
        "[::1]", "[::1]:8080", "[2001:db8::7]:443", "llm.example", "LLM.example.:8080",
    ],
)  # fmt: skip
def test_its_own_names(host: str) -> None:
    assert refused(Guard(["llm.example"]), host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "", ":8080", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "llm.example.evil.example",
        "evil-llm.example", "localhost.evil.example", "evil.example#localhost", "evil.example@localhost",
        "user@127.0.0.1", "127.0.0.1:8080:9090", "127.0.0.1:x", "[::1", "::1]", "[127.0.0.1]", "[::1]:x", "[::1]x",
        "0x7f000001", "2130706433", "127.1", "localhost,evil.example", "localhost evil", "lócalhost", "xn--localhost",
    ],
)  # fmt: skip
def test_names_that_somebody_else_made_up(host: str) -> None:
    assert refused(Guard(["llm.example"]), host=host) == "host_not_allowed"


def test_every_name_where_it_is_asked_for() -> None:
    assert refused(Guard(["*"]), host="whatever.example:1") is None
    assert refused(Guard(["*"]), host="") == "host_not_allowed"


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    guard = Guard()
    assert {refused(guard, host=f"h{number}.example") for number in range(5000)} == {"host_not_allowed"}
    assert refused(guard, host="localhost") is None


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        (PAGE, None),
        ("HTTPS://Chat.Example", None),
        ("https://chat.example.evil.example", "origin_not_allowed"),
        ("http://chat.example", "origin_not_allowed"),
        ("https://chat.example:8443", "origin_not_allowed"),
        ("null", "origin_not_allowed"),
        ("", "origin_not_allowed"),
        ("http://localhost:8080", "origin_not_allowed"),
    ],
)
def test_origins(origin: str, code: str | None) -> None:
    assert refused(Guard(origins=[PAGE]), host="localhost", origin=origin) == code
    assert refused(Guard(origins=["*"]), host="localhost", origin=origin) is None
    assert refused(Guard(), host="localhost", origin=origin) == "origin_not_allowed"


@pytest.mark.parametrize(
    ("forged", "status", "code"),
    [
        (("host", "evil.example"), 421, "host_not_allowed"),
        (("origin", "https://evil.example"), 403, "origin_not_allowed"),
    ],
)
async def test_forgeries_are_refused_before_anything_is_read(
    app: Gateway, log: Log, forged: tuple[str, str], status: int, code: str
) -> None:
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/-/policy"), ("GET", "/x")):
        answer = await ask(app, method, path, chat("ok"), [*JSON, forged])
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)
    assert log.lines == []


async def test_probes_come_by_any_name(app: Gateway) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await ask(app, "GET", path, headers=[("host", "pod-7.cluster.internal")])).status == 200


async def test_a_page_that_may_call_can_read_the_answer(app: Gateway) -> None:
    page = [("origin", PAGE), ("host", "llm.example")]
    asked = [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")]
    preflight = await ask(app, "OPTIONS", CHAT, headers=[*page, *asked])
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    for model, status in (("ok", 200), ("forbidden", 403)):
        answer = await ask(app, "POST", CHAT, chat(model), [*JSON, *page])
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, PAGE)
        assert "retry-after" in answer.headers["access-control-expose-headers"].lower()
    stream: Any = await ask(app, "POST", CHAT, chat("ok", stream=True), [*JSON, *page])
    assert len(stream.chunks) > 3


async def test_without_an_origin_nothing_is_said_to_pages(app: Gateway) -> None:
    answer = await ask(app, "POST", CHAT, chat("ok"), JSON)
    assert not [name for name in answer.headers if name.startswith("access-control")]
