"""What a caller may try who has no key, or a key and wants more than it is granted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.asgi import Answer, ask, call, lifespan
from tests.support.canaries import OWN_KEY, PROVIDER_KEY, client_key
from tests.support.edge import JSON, Counting, chat
from tests.support.providers import Asked, answer, http, provider

from policyroute import load
from policyroute_asgi import Gateway, gateway
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.keyring import Keyring
from policyroute_asgi.preparation import Preparation
from policyroute_asgi.revocations import Revocation, add

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
KEYS = {name: client_key(name) for name in ("ann", "bob")}
POOL = {f"ATTACKED_KEY_{number}": f"{PROVIDER_KEY}-{number}" for number in range(3)}


def digest(name: str) -> str:
    return sha256(KEYS[name].encode()).hexdigest()


def bearer(name: str) -> tuple[str, str]:
    return "authorization", f"Bearer {KEYS[name]}"


CLIENTS = f"""
clients:
  ann: {{key_sha256: {digest("ann")}, tenant: acme}}
  bob: {{key_sha256: {digest("bob")}, models: [ok]}}
"""
POLICY = f"""
version: 1
providers:
  demo: {{dialect: openai_chat, base_url: "embedded:", api_keys: [{", ".join(f"{{env: {name}}}" for name in POOL)}]}}
  other: {{dialect: anthropic, base_url: "embedded:"}}
targets:
  ok: {{provider: demo, model: ok}}
  never: {{provider: demo, model: other}}
  throttle: {{provider: demo, model: throttle}}
  claude: {{provider: other, model: ok}}
  vectors: {{provider: demo, model: ok, supports: {{embeddings: true}}}}
rules:
  - id: wish-or-ok
    when: request.headers["x-any"] == "1"
    route: [requested, ok]
  - id: falls-back
    when: request.headers["x-fall"] == "1"
    route: [throttle, never]
default: {{route: [requested], fallback: {{retries: 0, swap_delay: 0ms}}}}
{CLIENTS}
"""


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, key in POOL.items():
        monkeypatch.setenv(name, key)
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "policy.yaml").write_text(POLICY)
    return folder


@pytest.fixture
def upstream() -> Counting:
    return Counting()


@pytest.fixture
async def app(policies: Path, upstream: Counting) -> AsyncIterator[Gateway]:
    app = gateway(policies, log=None, transport=upstream, expose="full")
    async with lifespan(app):
        yield app


def code(answer: Answer) -> Any:
    return json.loads(answer.body)["error"]["code"]


# Names of models that are more than names -----------------------------------------------------------------------------

NAMES = {
    "up": "../../admin",
    "up, encoded": "..%2f..%2fadmin",
    "up, twice encoded": "%252e%252e%252fadmin",
    "backslashes": "..\\..\\admin",
    "absolute": "/etc/passwd",
    "a URL": "https://evil.example/v1?",
    "an authority": "ok@evil.example",
    "a query": "ok?key=1",
    "a fragment": "ok#",
    "a method": "ok:generateContent",
    "a NUL": "ok\0",
    "a NUL, encoded": "ok%00",
    "lines": "ok\r\nX-Injected: 1",
    "spaces": " ok ",
    "case": "OK",
    "Cyrillic": "\u043e\u043a",
    "fullwidth": "\uff4f\uff4b",
    "zero width": "o\u200bk",
    "reversed": "\u202eko",
    "a template": "{{ok}}${ok}%s",
    "a glob": "*",
    "long": "ok" * 100_000,
}
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/embeddings": {"input": "Hi"},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_models_name_is_only_ever_compared(app: Gateway, upstream: Counting, path: str, name: str) -> None:
    body = json.dumps({"model": name, **BODIES[path]}).encode()
    told = await ask(app, "POST", path, body, [*JSON, bearer("ann")])
    assert told.status == 404
    assert upstream.requests == []
    assert "x-injected" not in told.headers


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_nothing_of_a_name_that_a_rule_overrides_goes_on(app: Gateway, upstream: Counting, name: str) -> None:
    told = await ask(app, "POST", CHAT, chat(name), [*JSON, bearer("ann"), ("x-any", "1")])
    assert (told.status, told.headers["x-policyroute-target"]) == (200, "ok")
    [sent] = upstream.requests
    assert str(sent.url) == "embedded:/chat/completions"
    assert json.loads(sent.content)["model"] == "ok"
    assert all(value.isprintable() and len(value) < 1000 for value in sent.headers.values())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_name_in_a_path_is_only_ever_compared(app: Gateway, upstream: Counting, name: str) -> None:
    said = b'{"contents": [{"parts": [{"text": "hi"}]}]}'
    for method, path in (("GET", "/v1/models/{}"), ("POST", "/v1beta/models/{}:generateContent")):
        told = await ask(app, method, path.format(quote(name, safe="")), said, [*JSON, bearer("ann")])
        # A name that ends in a method is that method's path, and no description of a model.
        assert told.status == (405 if method == "GET" and name.endswith(":generateContent") else 404)
    assert upstream.requests == []


# What is granted ------------------------------------------------------------------------------------------------------


async def test_no_way_leads_to_a_model_that_is_not_granted(app: Gateway, upstream: Counting) -> None:
    bob = [*JSON, bearer("bob")]
    assert code(await ask(app, "POST", CHAT, chat("never"), bob)) == "model_not_granted"
    assert code(await ask(app, "POST", CHAT, chat("ok"), [*bob, ("x-fall", "1")])) == "model_not_granted"
    assert code(await ask(app, "GET", "/v1/models/never", headers=bob)) == "model_not_found"
    listed = json.loads((await ask(app, "GET", "/v1/models", headers=bob)).body)["data"]
    assert "ok" in {row["id"] for row in listed} and "never" not in {row["id"] for row in listed}
    assert upstream.requests == []
    told = await ask(app, "POST", CHAT, chat("never"), [*bob, ("x-any", "1")])
    assert told.headers["x-policyroute-target"] == "ok"


FORGED = [
    ("x-policyroute-target", "never"),
    ("x-policyroute-rule", "forged"),
    ("x-policyroute-decision-id", "forged"),
    ("x-policyroute-client", "ann"),
    ("x-provider-key", f"demo={OWN_KEY}"),
    ("x-tenant", "acme"),
    ("x-real-ip", "127.0.0.1"),
    ("x-forwarded-for", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/-/policy"),
    ("cookie", "session=1"),
    ("proxy-authorization", "Basic bWluZQ=="),
]


async def test_headers_of_ours_count_for_nothing_where_a_client_sends_them(app: Gateway, upstream: Counting) -> None:
    told = await ask(app, "POST", CHAT, chat("ok"), [*JSON, bearer("bob"), *FORGED])
    assert (told.status, told.headers["x-policyroute-target"]) == (200, "ok")
    assert "forged" not in str(told.raw_headers)
    [sent] = upstream.requests
    assert not {name for name, _ in FORGED} & set(sent.headers)
    assert sent.headers["authorization"].removeprefix("Bearer ") in POOL.values()


# Tenants --------------------------------------------------------------------------------------------------------------


async def test_a_conversations_key_is_its_tenants_own(app: Gateway, upstream: Counting) -> None:
    """The id of somebody else's conversation says nothing of which key that goes with, and moves it nowhere."""

    async def key(name: str, conversation: str) -> str:
        headers = [*JSON, bearer(name), ("x-conversation-id", conversation)]
        assert (await ask(app, "POST", CHAT, chat("ok"), headers)).status == 200
        return str(upstream.requests[-1].headers["authorization"])

    ids = [f"c{number}" for number in range(12)]
    anns = [await key("ann", each) for each in ids]
    bobs = [await key("bob", each) for each in ids]
    assert anns != bobs
    assert [await key("ann", each) for each in ids] == anns


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_revoked_while_its_request_runs_gets_no_further_attempt(tmp_path: Path, stream: bool) -> None:
    asked_once, goes_on = asyncio.Event(), asyncio.Event()

    async def fails(asked: Asked) -> None:
        asked_once.set()
        await goes_on.wait()
        await asked.say(http("503 Service Unavailable", b"{}"))

    async def whole(asked: Asked) -> None:
        await asked.say(http("200 OK", answer()))

    revoked = asyncio.Event()
    async with provider(fails) as a, provider(whole) as b:
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "policy.yaml").write_text(f"""
version: 1
providers:
  a: {{dialect: openai_chat, base_url: "{a.base_url}"}}
  b: {{dialect: openai_chat, base_url: "{b.base_url}"}}
targets: {{one: {{provider: a, model: m}}, two: {{provider: b, model: m}}}}
default: {{route: [one, two], fallback: {{retries: 0, swap_delay: 0ms}}}}
{CLIENTS}
""")
        holder = PolicyHolder(Preparation(tmp_path / "policies", tmp_path / "state"))
        holder.on_revoked(lambda digests: revoked.set())
        app = gateway(holder, log=None)
        async with lifespan(app):
            running = call(app, "POST", CHAT, chat("auto", stream=stream), [*JSON, bearer("ann")])
            await asked_once.wait()
            add(tmp_path / "state", [Revocation(digest("ann"), "ann", 1.0)])
            await revoked.wait()
            goes_on.set()
            told = await running.finish()
        await holder.aclose()
        assert not b.asked
    assert (told.status, code(told)) == (502, "unavailable")


class Watched(str):
    """A key that nobody may compare: how long that takes tells how much of it is right."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("looked up by itself")


def test_a_key_is_found_without_comparing_it(policies: Path) -> None:
    keyring = Keyring(load(policies).program.clients)
    found = keyring.find(Watched(KEYS["ann"]))
    assert found is not None and found.client.facts.id == "ann"
    assert keyring.find(Watched(KEYS["ann"][:-1])) is None
    with pytest.raises(AssertionError):
        assert Watched(KEYS["ann"]) == KEYS["ann"]


# Where a caller is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
@pytest.mark.parametrize("open_to_all", [False, True])
async def test_a_proxy_on_this_machine_makes_nobody_local(
    policies: Path, upstream: Counting, header: str, open_to_all: bool
) -> None:
    """Whatever a client behind it writes into the header, and whether the proxy is trusted or not."""
    (policies / "policy.yaml").write_text(POLICY.replace(CLIENTS, ""))
    app = gateway(policies, log=None, transport=upstream, open_to_all=open_to_all, trusted_proxies=["127.0.0.1"])
    async with lifespan(app):
        for said in ("127.0.0.1", "for=127.0.0.1", "::1", "", "192.0.2.7"):
            asked = await ask(app, "POST", CHAT, chat("ok"), [*JSON, (header, said)])
            assert asked.status == (200 if open_to_all else 401)
            for path in ("/metrics", "/-/policy"):
                assert (await ask(app, "GET", path, headers=[(header, said)])).status == (403 if open_to_all else 401)
        assert (await ask(app, "POST", CHAT, chat("ok"), JSON)).status == 200
        assert (await ask(app, "GET", "/-/policy")).status == 200
