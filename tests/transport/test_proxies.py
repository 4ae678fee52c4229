"""The environment's proxies, as they are at the start."""

from __future__ import annotations

import pytest
from tests.support.exchanges import Gateway, transport_of
from tests.support.providers import Asked, answer, http, provider

from policyroute_asgi.transport import TransportSettings, provider_transport

pytestmark = pytest.mark.anyio


async def whole(asked: Asked) -> None:
    await asked.say(http("200 OK", answer()))


async def test_a_proxy_in_the_environment_is_used(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(whole) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        async with Gateway(transport_of(kind), keys={"a": "sk-1"}) as gateway:
            heard, _ = await gateway.ask("http://llm.example/v1")
        [asked] = proxy.asked
    assert heard.complete
    assert asked.line == "POST http://llm.example/v1/chat/completions HTTP/1.1"
    assert asked.headers["host"] == "llm.example"
    assert asked.headers["authorization"] == "Bearer sk-1"


async def test_no_proxy_names_the_hosts_that_are_reached_directly(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with provider(whole) as direct, Gateway(transport_of(kind)) as gateway:
        heard, _ = await gateway.ask(direct.base_url)
    assert heard.complete


async def test_a_proxy_that_fails_is_the_providers_failure(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(whole) as gone:
        pass
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{gone.port}")
    async with Gateway(transport_of(kind)) as gateway:
        heard, record = await gateway.ask("http://llm.example/v1")
    assert heard.failure is not None and heard.failure.kind == "unavailable"
    assert record.attempts[0].code in {"proxy_error", "connect_error"}


def test_a_proxy_that_cannot_be_used_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ValueError, match="socks5"):
        provider_transport()
    provider_transport(TransportSettings(trust_env=False))
