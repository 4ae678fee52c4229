"""Providers that take tokens: how a gateway gets them for an account, keeps them, and does without."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Answer, ask, serving
from tests.support.canaries import MARK
from tests.support.edge import JSON, Log, chat
from tests.support.providers import Asked, Provider, answer, error, event, http, provider
from tests.support.tokens import CLIENT_SECRET, EMAIL, Endpoint, claims, pem, token, write_account

from policyroute_asgi import Gateway, gateway
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio
GOOGLE = "api_key: {google: {credentials: {file: sa.json}}}"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("ENTRA_SECRET", CLIENT_SECRET)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


async def whole(asked: Asked) -> bool:
    if b'"stream":true' in asked.body.replace(b" ", b""):
        said = event({"content": "Hello"}) + event(finish="stop") + b"data: [DONE]\n\n"
        await asked.say(http("200 OK", said, "Content-Type: text/event-stream"))
    else:
        await asked.say(http("200 OK", answer()))
    return True


def entra(authority: str) -> str:
    secret = "client_secret: {env: ENTRA_SECRET}"
    return f"api_key: {{azure_ad: {{tenant: contoso.example, client_id: app-1, {secret}, authority: '{authority}'}}}}"


def policy(folder: Path, *providers: str) -> Path:
    """Providers a, b, ... with a target each, tried in this order."""
    names = "abc"[: len(providers)]
    text = ["version: 1", "providers:"]
    text += [f"  {name}: {{dialect: openai_chat, {said}}}" for name, said in zip(names, providers, strict=True)]
    text += ["targets: {" + ", ".join(f"t-{name}: {{provider: {name}, model: m}}" for name in names) + "}"]
    text += [
        "default: {route: [" + ", ".join(f"t-{name}" for name in names) + "], fallback: {retries: 0, swap_delay: 0ms}}"
    ]
    (folder / "policy.yaml").write_text("\n".join(text))
    return folder


@asynccontextmanager
async def running(policies: Any, log: Log | None = None) -> AsyncGenerator[Gateway]:
    app = gateway(policies, log=log)
    try:
        yield app
    finally:
        await app.aclose()


async def post(app: Gateway, *, stream: bool = False) -> Answer:
    return await ask(app, "POST", "/v1/chat/completions", chat("auto", stream=stream), JSON)


def shown(vendor: Provider) -> list[str]:
    return [asked.headers["authorization"] for asked in vendor.asked]


async def test_a_service_account_signs_for_a_token_that_serves_all_requests(
    tmp_path: Path, endpoint: Endpoint, log: Log
) -> None:
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor:
        write_account(tmp_path, f"{url}/token")
        async with running(policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}"), log) as app:
            answers = [await post(app, stream=stream) for stream in (False, True, False)]
    assert [each.status for each in answers] == [200, 200, 200]
    assert b"[DONE]" in answers[1].body
    assert shown(vendor) == [f"Bearer {token(1)}"] * 3
    [form] = endpoint.asked
    head, said = claims(form["assertion"])
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert (said["iss"], said["aud"]) == (EMAIL, f"{url}/token")
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert said["exp"] - said["iat"] == 3600 and abs(said["iat"] - time.time()) < 60
    assert log.lines and MARK.encode() not in log.text


async def test_an_app_of_entra_shows_its_secret_to_its_tenants_endpoint_only(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor:
        settings = f"vendor: azure, base_url: {vendor.base_url}, {entra(url)}"
        async with running(policy(tmp_path, settings)) as app:
            assert (await post(app)).status == 200
    assert endpoint.paths == ["/contoso.example/oauth2/v2.0/token"]
    assert endpoint.asked == [
        {
            "grant_type": "client_credentials",
            "client_id": "app-1",
            "client_secret": CLIENT_SECRET,
            "scope": "https://cognitiveservices.azure.com/.default",
        }
    ]
    assert shown(vendor) == [f"Bearer {token(1)}"]
    assert "api-key" not in vendor.asked[0].headers


async def test_requests_that_come_together_wait_for_one_token(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.gate = asyncio.Event()
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor:
        write_account(tmp_path, f"{url}/token")
        async with running(policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}")) as app:
            asking = [asyncio.ensure_future(post(app, stream=bool(n % 2))) for n in range(8)]
            await endpoint.came.wait()
            endpoint.gate.set()
            assert [each.status for each in await asyncio.gather(*asking)] == [200] * 8
    assert len(endpoint.asked) == 1
    assert shown(vendor) == [f"Bearer {token(1)}"] * 8


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "said", "kind", "code"),
    [
        (400, b'{"error":"invalid_grant","error_description":"%s"}' % MARK.encode(), "auth", "token_refused"),
        (503, MARK.encode(), "unavailable", "token_unavailable"),
        (200, MARK.encode(), "unavailable", "token_unavailable"),
    ],
)
async def test_without_a_token_the_next_candidate_answers(  # noqa: PLR0913, PLR0917
    tmp_path: Path,
    endpoint: Endpoint,
    log: Log,
    caplog: pytest.LogCaptureFixture,
    status: int,
    said: bytes,
    kind: str,
    code: str,
    stream: bool,
) -> None:
    endpoint.answers = [(status, said)]
    caplog.set_level(logging.INFO)
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor, provider(whole) as spare:
        write_account(tmp_path, f"{url}/token")
        folder = policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}", f"base_url: {spare.base_url}")
        async with running(folder, log) as app:
            assert (await post(app, stream=stream)).status == 200
    assert not vendor.asked and len(spare.asked) == 1
    first = log.lines[0]["attempts"][0]
    assert (first["outcome"], first["code"]) == (kind, code)
    [told] = [each.getMessage() for each in caplog.records if each.name == "policyroute.keys"]
    assert "google file sa.json" in told
    written = caplog.text + log.text.decode()
    assert not any(secret in written for secret in (MARK, EMAIL, *pem().split("\n")[1:-2]))


async def test_a_token_that_is_slow_to_come_is_time_to_the_first_token(
    tmp_path: Path, endpoint: Endpoint, log: Log
) -> None:
    endpoint.gate = asyncio.Event()
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor, provider(whole) as spare:
        write_account(tmp_path, f"{url}/token")
        folder = policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}", f"base_url: {spare.base_url}")
        written = (folder / "policy.yaml").read_text()
        (folder / "policy.yaml").write_text(written.replace("fallback:", "limits: {ttft: 500ms}, fallback:"))
        async with running(folder, log) as app:
            answered = await post(app, stream=True)
            endpoint.gate.set()  # before anything may fail: who serves it waits for its end
            assert answered.status == 200
    assert not vendor.asked and len(spare.asked) == 1
    assert log.lines[0]["attempts"][0]["outcome"] == "timeout_ttft"


async def test_a_token_that_a_provider_repeats_in_an_error_is_taken_out(tmp_path: Path, endpoint: Endpoint) -> None:
    async def repeats(asked: Asked) -> bool:
        await asked.say(http("400 Bad Request", error(f"what is {asked.headers['authorization']}?", "bad")))
        return True

    async with serving(endpoint, ours=False) as url, provider(repeats) as vendor:
        write_account(tmp_path, f"{url}/token")
        async with running(policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}")) as app:
            refused = await post(app)
    assert b"what is" in refused.body and MARK.encode() not in refused.body


async def test_an_endpoint_that_is_not_there_is_told_to_the_client_without_secrets(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    async with provider(whole) as vendor:
        write_account(tmp_path, "http://127.0.0.1:9/token")
        async with running(policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}")) as app:
            refused = await post(app)
    assert not vendor.asked
    assert refused.status in (502, 503)
    assert MARK.encode() not in refused.body and b"127.0.0.1" not in refused.body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_token_that_ended_early_is_replaced_within_the_request(
    tmp_path: Path, endpoint: Endpoint, stream: bool
) -> None:
    ended: set[str] = set()

    async def vendor_script(asked: Asked) -> bool:
        key = asked.headers["authorization"]
        if key in ended:
            await asked.say(http("401 Unauthorized", error(f"{key} has expired", "invalid_api_key")))
            return True
        return await whole(asked)

    async with serving(endpoint, ours=False) as url, provider(vendor_script) as vendor:
        write_account(tmp_path, f"{url}/token")
        async with running(policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}")) as app:
            assert (await post(app, stream=stream)).status == 200
            ended.add(f"Bearer {token(1)}")
            together = await asyncio.gather(*(post(app, stream=stream) for _ in range(3)))
            assert [each.status for each in together] == [200] * 3
    assert len(endpoint.asked) == 2
    assert shown(vendor)[-1] == f"Bearer {token(2)}"


async def test_an_account_whose_new_token_is_refused_too_rests(tmp_path: Path, endpoint: Endpoint, log: Log) -> None:
    async def refuses(asked: Asked) -> bool:
        key = asked.headers["authorization"]
        await asked.say(http("401 Unauthorized", error(f"not {key}", "invalid_api_key")))
        return True

    async with serving(endpoint, ours=False) as url, provider(refuses) as vendor, provider(whole) as spare:
        write_account(tmp_path, f"{url}/token")
        folder = policy(tmp_path, f"base_url: {vendor.base_url}, {GOOGLE}", f"base_url: {spare.base_url}")
        async with running(folder, log) as app:
            assert [(await post(app)).status for _ in range(3)] == [200] * 3
    assert len(vendor.asked) == 1, "a token that is fresh is not at fault"
    assert len(endpoint.asked) == 1
    assert MARK.encode() not in log.text


async def test_a_token_outlives_a_reload_and_ends_with_its_secret(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor:
        settings = f"base_url: {vendor.base_url}, {entra(url)}"
        holder = PolicyHolder(Preparation(policy(tmp_path, settings)), watch=False)
        await holder.start()
        async with running(holder) as app:
            assert (await post(app)).status == 200
            policy(tmp_path, f"{settings}, region: eu")
            assert (await holder.reload()).ok
            assert (await post(app)).status == 200
            assert len(endpoint.asked) == 1
            monkeypatch.setenv("ENTRA_SECRET", f"{CLIENT_SECRET}2")
            assert (await holder.reload()).ok
            assert (await post(app)).status == 200
        await holder.aclose()
    assert [each["client_secret"] for each in endpoint.asked] == [CLIENT_SECRET, f"{CLIENT_SECRET}2"]
