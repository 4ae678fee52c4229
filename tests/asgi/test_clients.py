"""Who may come in: keys in every dialect's place, grants, limits, operators; and nobody else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Answer, Call, ask, body_messages, call, http_scope, lifespan
from tests.support.canaries import client_key
from tests.support.edge import JSON, POLICY, Counting, Log, chat

from policyroute_asgi import Gateway, PolicyHolder, gateway
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
KEYS = {name: client_key(name) for name in ("ann", "bob", "few", "ops", "one")}


def digest(name: str) -> str:
    return hashlib.sha256(KEYS[name].encode()).hexdigest()


CLIENTS = f"""
providers:
  claude: {{dialect: anthropic, base_url: "embedded:"}}
  google: {{dialect: gemini, base_url: "embedded:"}}
targets:
  opus: {{provider: claude, model: ok}}
  flash: {{provider: google, model: ok}}
  pro: {{provider: google, model: long}}
clients:
  ann: {{key_sha256: {digest("ann")}, tenant: acme}}
  bob: {{key_sha256: {digest("bob")}, profiles: [BATCH], models: [ok, throttle, opus, flash]}}
  few: {{key_sha256: {digest("few")}, rate_limit: {{rpm: 2, tpm: 1000}}}}
  one: {{key_sha256: {digest("one")}, rate_limit: {{concurrency: 1}}}}
  ops: {{key_sha256: {digest("ops")}, role: operator}}
"""


@pytest.fixture
async def app(policies: Path, upstream: Counting, log: Log) -> AsyncIterator[Gateway]:
    (policies / "clients.yaml").write_text("version: 1\n" + CLIENTS)
    app = gateway(policies, log=log, transport=upstream, grace=0)
    async with lifespan(app):
        yield app


def bearer(name: str) -> tuple[str, str]:
    return "authorization", f"Bearer {KEYS[name]}"


def code(answer: Answer) -> Any:
    return json.loads(answer.body)["error"]["code"]


@pytest.mark.parametrize(
    ("header", "query"),
    [
        (bearer("ann"), ""),
        (("x-api-key", KEYS["ann"]), ""),
        (("x-goog-api-key", KEYS["ann"]), ""),
        (("api-key", KEYS["ann"]), ""),
        (("x-nothing", "1"), f"?key={KEYS['ann']}"),
    ],
)
async def test_a_key_is_known_in_every_dialects_place_and_goes_no_further(
    app: Gateway, upstream: Counting, log: Log, header: tuple[str, str], query: str
) -> None:
    answer = await ask(app, "POST", CHAT + query, chat("ok"), [*JSON, header])
    assert (answer.status, answer.headers["x-house"]) == (200, "acme")
    (sent,) = upstream.requests
    assert KEYS["ann"] not in f"{sent.url} {sent.headers.raw!r} {sent.content!r}"
    await app.aclose()
    assert KEYS["ann"].encode() not in log.text
    assert [line["client"] for line in log.lines] == ["ann"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], "unauthenticated"),
        ([("authorization", "Bearer plr_wrong")], "unauthenticated"),
        ([("authorization", f"Basic {KEYS['ann']}")], "unauthenticated"),
        ([("authorization", f"Bearer {digest('ann')}")], "unauthenticated"),
        ([bearer("ann"), ("x-api-key", KEYS["bob"])], "ambiguous_credentials"),
    ],
)
async def test_nobody_else_comes_in(
    app: Gateway, upstream: Counting, headers: list[tuple[str, str]], expected: str
) -> None:
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/-/policy")):
        answer = await ask(app, method, path, chat("ok"), [*JSON, *headers])
        assert (answer.status, code(answer)) == (401, expected)
    assert upstream.requests == []


async def test_a_refusal_is_in_the_callers_dialect(app: Gateway) -> None:
    told = json.loads((await ask(app, "POST", "/v1/messages", b"{}", JSON)).body)
    assert (told["type"], told["error"]["type"]) == ("error", "authentication_error")


async def test_a_key_taken_out_of_the_policy_counts_no_more(policies: Path, upstream: Counting) -> None:
    (policies / "clients.yaml").write_text("version: 1\n" + CLIENTS)
    holder = PolicyHolder(Preparation(policies), watch=False)
    app = gateway(holder, log=None, transport=upstream)
    assert (await ask(app, "POST", CHAT, chat("ok"), [*JSON, bearer("bob")])).status == 200
    (policies / "clients.yaml").write_text("version: 1\n" + CLIENTS.replace(digest("bob"), "a" * 64))
    await holder.reload()
    assert (await ask(app, "POST", CHAT, chat("ok"), [*JSON, bearer("bob")])).status == 401
    await app.aclose()
    await holder.aclose()


async def test_what_is_granted_is_all_there_is(app: Gateway) -> None:
    profile = ("x-router-profile", "AGENT")
    assert code(await ask(app, "POST", CHAT, chat("ok"), [*JSON, bearer("bob"), profile])) == "profile_not_granted"
    assert (await ask(app, "POST", CHAT, chat("500"), [*JSON, bearer("bob")])).status == 403
    listed = json.loads((await ask(app, "GET", "/v1/models", headers=[bearer("bob")])).body)["data"]
    assert sorted(row["id"] for row in listed) == ["flash", "ok", "opus", "throttle"]
    anthropic = [("x-api-key", KEYS["bob"]), ("anthropic-version", "2023-06-01")]
    listed = json.loads((await ask(app, "GET", "/v1/models", headers=anthropic)).body)
    assert not listed["has_more"]
    assert {row["id"] for row in listed["data"]} == {"flash", "ok", "opus", "throttle"}


async def test_models_are_listed_in_the_shape_of_the_path(app: Gateway) -> None:
    google = [("x-goog-api-key", KEYS["bob"])]
    listed = json.loads((await ask(app, "GET", "/v1beta/models", headers=google)).body)
    assert "models/flash" in [row["name"] for row in listed["models"]]
    one = json.loads((await ask(app, "GET", "/v1beta/models/flash", headers=google)).body)
    assert one["name"] == "models/flash"
    missing = await ask(app, "GET", "/v1beta/models/pro", headers=google)
    assert (missing.status, json.loads(missing.body)["error"]["status"]) == (404, "NOT_FOUND")


async def test_requests_and_tokens_a_minute(app: Gateway) -> None:
    few = [*JSON, bearer("few")]
    assert (await ask(app, "POST", CHAT, chat("ok"), few)).status == 200
    refused = await ask(app, "POST", CHAT, chat("ok", "x" * 8000), few)
    assert (refused.status, code(refused)) == (429, "client_rate_limited")
    refused = await ask(app, "POST", CHAT, chat("ok"), few)
    assert (refused.status, code(refused)) == (429, "client_rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await ask(app, "POST", CHAT, chat("ok"), [*JSON, bearer("ann")])).status == 200


async def test_requests_at_once(app: Gateway) -> None:
    one = [*JSON, bearer("one")]
    first = call(app, "POST", CHAT, chat("stall", stream=True), one)
    await first.next()
    assert code(await ask(app, "POST", CHAT, chat("ok"), one)) == "client_rate_limited"
    first.hang_up()
    await first.finish()
    assert (await ask(app, "POST", CHAT, chat("ok"), one)).status == 200


async def test_operators_see_what_others_do_not(app: Gateway) -> None:
    for path in ("/metrics", "/-/policy"):
        assert (await ask(app, "GET", path, headers=[bearer("ops")])).status == 200
        answer = await ask(app, "GET", path, headers=[bearer("ann")])
        assert (answer.status, code(answer)) == (403, "not_operator")
    for path in ("/healthz", "/readyz"):
        assert (await ask(app, "GET", path)).status == 200


async def test_without_clients_only_this_machine_is_served(policies: Path, upstream: Counting) -> None:
    assert "clients:" not in POLICY

    async def from_afar(app: Gateway, method: str, path: str) -> Answer:
        scope = http_scope(method, path, JSON, client="192.0.2.7")
        return await Call(app, scope, body_messages(chat("ok"))).finish()

    app = gateway(policies, log=None, transport=upstream)
    async with lifespan(app):
        for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/-/policy")):
            assert (await from_afar(app, method, path)).status == 401
        assert upstream.requests == []
    app = gateway(policies, log=None, transport=upstream, open_to_all=True)
    async with lifespan(app):
        assert (await from_afar(app, "POST", CHAT)).status == 200
        assert (await from_afar(app, "GET", "/-/policy")).status == 403
