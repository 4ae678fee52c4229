"""Connection settings of a provider, over real TLS and a real proxy: whom is trusted, who we say we are, which way."""

from __future__ import annotations

import base64
import pickle
import ssl
from collections.abc import Callable

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from tests.support.exchanges import Gateway, transport_of
from tests.support.forward_proxy import forward_proxy
from tests.support.providers import Asked, answer, http, provider

from policyroute_asgi import httpx_transport, provider_connections
from policyroute_asgi.provider_connections import PLAIN, Connection, Contexts, Unusable, ssl_context

pytestmark = pytest.mark.anyio
CA = trustme.CA()
STRANGER = trustme.CA()


def pem(*blobs: trustme.Blob) -> str:
    return "".join(blob.bytes().decode() for blob in blobs)


TRUSTED = pem(CA.cert_pem)


def encrypted(key: str) -> str:
    """The same key under a passphrase."""
    loaded = serialization.load_pem_private_key(key.encode(), None)
    sealed = serialization.BestAvailableEncryption(b"sesame")
    form = serialization.PrivateFormat.PKCS8
    return loaded.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


def server_tls(*, asks_for_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    if asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        CA.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def client_of(ca: trustme.CA) -> tuple[str, str]:
    issued = ca.issue_cert("gateway@house.example")
    return pem(*issued.cert_chain_pems), pem(issued.private_key_pem)


async def whole(asked: Asked) -> bool:
    await asked.say(http("200 OK", answer()))
    return True


async def outcome(kind: str, url: str, connection: Connection | None) -> str | None:
    """The code of what went wrong, None where nothing did."""
    settings = {"a": connection} if connection else {}
    async with Gateway(transport_of(kind), connections=settings) as gateway:
        heard, record = await gateway.ask(url)
    assert heard.complete is (record.outcome == "ok")
    return record.attempts[0].code


# Authorities ----------------------------------------------------------------------------------------------------------


async def test_a_provider_is_trusted_by_its_own_authority_only(kind: str) -> None:
    async with provider(whole, server_tls()) as a:
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED)) is None
        assert await outcome(kind, a.base_url, Connection(ca=pem(STRANGER.cert_pem))) in {"tls", "connect_error"}
        assert await outcome(kind, a.base_url, None) in {"tls", "connect_error"}
        assert len(a.asked) == 1


async def test_providers_of_one_gateway_have_settings_of_their_own(kind: str) -> None:
    settings = {"a": Connection(ca=pem(STRANGER.cert_pem)), "b": Connection(ca=TRUSTED)}
    async with provider(whole, server_tls()) as a, Gateway(transport_of(kind), connections=settings) as gateway:
        heard, record = await gateway.ask(a.base_url, a.base_url)
        assert heard.target == "b"
        assert record.attempts[0].outcome == "unavailable"


async def test_connections_are_kept_for_the_next_request(kind: str) -> None:
    settings = {"a": Connection(ca=TRUSTED)}
    async with provider(whole, server_tls()) as a, Gateway(transport_of(kind), connections=settings) as gateway:
        for _ in range(3):
            await gateway.ask(a.base_url)
        assert a.connections == 1


# Client certificates --------------------------------------------------------------------------------------------------


async def test_a_provider_that_asks_for_a_certificate_gets_ours(kind: str) -> None:
    cert, key = client_of(CA)
    async with provider(whole, server_tls(asks_for_certificate=True)) as a:
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED, cert=cert, key=key)) is None
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED, cert=cert + key)) is None
        served = len(a.asked)
        assert served == 2
        cert, key = client_of(STRANGER)
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED)) is not None
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED, cert=cert, key=key)) is not None
        assert len(a.asked) == served


def test_what_cannot_be_used_is_said_without_showing_it() -> None:
    cert, key = client_of(CA)
    other = client_of(CA)[1]
    wrong = [
        Connection(ca=""),
        Connection(ca="hello"),
        Connection(ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        Connection(cert=cert),
        Connection(cert=cert, key=other),
        Connection(cert="hello", key=key),
        Connection(cert=cert, key=encrypted(key)),
    ]
    for connection in wrong:
        with pytest.raises(Unusable) as caught:
            ssl_context(connection, trust_env=False)
        assert "BEGIN" not in str(caught.value) and "hello" not in str(caught.value)


def test_an_authority_may_come_with_comments() -> None:
    context = ssl_context(Connection(ca=f"# Ünser eigenes\n{TRUSTED}\nbye"), trust_env=False)
    assert len(context.get_ca_certs()) == 1


def test_settings_can_be_sent_to_another_process_and_show_no_secret() -> None:
    cert, key = client_of(CA)
    made = Connection("http://proxy.example:3128", "user:sesame", TRUSTED, cert, key)
    assert pickle.loads(pickle.dumps(made)) == made
    assert "sesame" not in repr(made) and "BEGIN" not in repr(made)


async def test_no_more_contexts_are_kept_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_connections, "MOST_CONTEXTS", 2)
    contexts = Contexts(trust_env=False)
    settings = [Connection(ca=pem(trustme.CA().cert_pem)) for _ in range(3)]
    made = [await contexts.of(each) for each in settings]
    assert await contexts.of(settings[2]) is made[2]
    assert await contexts.of(settings[0]) is not made[0]
    assert await contexts.of(PLAIN) is contexts.usual


# Proxies --------------------------------------------------------------------------------------------------------------


async def test_a_provider_is_reached_through_its_proxy(kind: str) -> None:
    async with forward_proxy() as proxy, provider(whole) as plain, provider(whole, server_tls()) as secured:
        assert await outcome(kind, plain.base_url, Connection(proxy=proxy.url)) is None
        assert await outcome(kind, secured.base_url, Connection(proxy=proxy.url, ca=TRUSTED)) is None
        assert [line.split(" ")[0] for line in proxy.lines] == ["POST", "CONNECT"]
        assert f"localhost:{secured.port}" in proxy.lines[1]
        assert "proxy-authorization" not in proxy.headers[0] | proxy.headers[1]


@pytest.mark.parametrize("secured", [False, True])
async def test_the_proxys_password_goes_to_the_proxy_and_no_further(kind: str, secured: bool) -> None:
    tls = server_tls() if secured else None
    async with forward_proxy() as proxy, provider(whole, tls) as a:
        connection = Connection(proxy.url, "user:se:same", TRUSTED if secured else None)
        assert await outcome(kind, a.base_url, connection) is None
        [headers] = proxy.headers
        assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:se:same").decode()
        assert "authorization" not in headers
        assert not secured or "proxy-authorization" not in a.asked[0].headers


async def test_a_setting_of_its_own_counts_more_than_the_environments(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forward_proxy() as own, forward_proxy() as usual, provider(whole) as a:
        monkeypatch.setenv("HTTP_PROXY", usual.url)
        assert await outcome(kind, a.base_url, Connection(proxy=own.url)) is None
        assert (len(own.lines), len(usual.lines)) == (1, 0)
        assert await outcome(kind, a.base_url, Connection(proxy="")) is None
        assert (len(own.lines), len(usual.lines)) == (1, 0)
        assert await outcome(kind, a.base_url, None) is None
        assert (len(own.lines), len(usual.lines)) == (1, 1)


async def test_the_environments_proxy_is_gone_through_with_a_providers_own_authority(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forward_proxy() as proxy, provider(whole, server_tls()) as a:
        monkeypatch.setenv("HTTPS_PROXY", f"user:sesame@127.0.0.1:{proxy.port}")
        assert await outcome(kind, a.base_url, Connection(ca=TRUSTED)) is None
        assert proxy.headers[0]["proxy-authorization"] == "Basic " + base64.b64encode(b"user:sesame").decode()


# Ways that are no longer gone -----------------------------------------------------------------------------------------


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def allow(forgotten: float) -> None:
        monkeypatch.setattr(httpx_transport, "MOST_WAYS", 2)
        monkeypatch.setattr(httpx_transport, "FORGOTTEN", forgotten)

    return allow


async def test_old_ways_are_closed_and_those_in_use_are_not(many: Callable[[float], None]) -> None:
    many(0.0)
    closed: list[int] = []

    async def stays(asked: Asked) -> bool:
        await asked.say(http("200 OK", answer()))
        return True

    async with provider(stays) as a:
        transport = httpx_transport.HttpxTransport(Contexts(trust_env=False), httpx.Limits())
        async with Gateway(transport) as gateway:
            for number in range(4):
                gateway.connections = {"a": Connection(proxy="", proxy_auth=f"unused:{number}")}
                heard, _ = await gateway.ask(a.base_url)
                assert heard.complete
            closed = [asked.connection for asked in a.asked[:-1] if await _left(asked)]
    assert closed == [1, 2, 3]


async def _left(asked: Asked) -> bool:
    await asked.left()
    return True
