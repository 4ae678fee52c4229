"""The tokens of one account over time, on a clock that the test sets, from an endpoint on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.asgi import serving
from tests.support.canaries import MARK
from tests.support.forward_proxy import forward_proxy
from tests.support.providers import Asked, answer, http, provider
from tests.support.tokens import CLIENT_SECRET, KEY, OTHER, Endpoint, claims, pem, service_account, token

from policyroute.exchange.payload import Outbound
from policyroute.failures import Failure, FailureKind
from policyroute.policy.accounts import EntraApp, SecretRef
from policyroute_asgi.grants import Grant, Unusable, digest, of_app, of_service_account
from policyroute_asgi.outward import sender
from policyroute_asgi.probe.ask import Heard
from policyroute_asgi.probe.recordings import Recorder
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.secrets import Key
from policyroute_asgi.tokens import Given, Tokens
from policyroute_asgi.transport import TransportSettings, provider_transport

pytestmark = pytest.mark.anyio
DIRECT = Connection(proxy="")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """An account, its endpoint, and its tokens on a clock."""

    endpoint: Endpoint
    key: Key
    tokens: Tokens
    clock: Clock

    async def ask(self) -> Given | Failure:
        return await self.tokens.of(self.key, DIRECT)

    async def value(self) -> str:
        found = await self.ask()
        assert isinstance(found, Given), found
        return found.value

    async def renewed(self) -> None:
        """Returns when what is being fetched has come."""
        running = [task for task in asyncio.all_tasks() if task.get_name() == "policyroute-token"]
        await asyncio.gather(*running)


def key_of(grant: Grant) -> Key:
    return Key("file sa.json", digest(grant), grant)


@asynccontextmanager
async def place(endpoint: Endpoint) -> AsyncGenerator[Place]:
    clock, transport = Clock(), provider_transport(TransportSettings(trust_env=False))
    async with serving(endpoint, ours=False) as url:
        try:
            grant = of_app(EntraApp("t", "app", SecretRef("env", "X"), url, "https://x/.default"), CLIENT_SECRET)
            yield Place(endpoint, key_of(grant), Tokens(sender(transport), clock), clock)
        finally:
            await transport.aclose()


@pytest.mark.parametrize(("expires_in", "renewed_at"), [(3600, 3300), ("3599", 3299), (100, 80), (10**8, 86_100)])
async def test_a_token_is_renewed_ahead_of_its_end_and_nobody_waits(expires_in: object, renewed_at: float) -> None:
    async with place(Endpoint(expires_in)) as at:
        first = await at.ask()
        assert first == Given(token(1), waited=True)
        at.clock.now += renewed_at - 1
        assert await at.ask() == Given(token(1), waited=False)
        assert len(at.endpoint.asked) == 1
        at.clock.now += 1
        at.endpoint.gate = asyncio.Event()
        assert [await at.value() for _ in range(3)] == [token(1)] * 3
        at.endpoint.gate.set()
        await at.renewed()
        assert await at.ask() == Given(token(2), waited=False)
        assert len(at.endpoint.asked) == 2


async def test_a_token_serves_to_its_end_while_it_cannot_be_renewed() -> None:
    async with place(Endpoint(answers=[])) as at:
        await at.value()
        at.endpoint.answers = [(500, b"")]
        at.clock.now += 3599
        assert await at.value() == token(1)
        await at.renewed()
        assert await at.value() == token(1)
        assert len(at.endpoint.asked) == 2, "it was asked again at once"
        at.clock.now += 1
        assert await at.value() == token(3)


async def test_an_endpoint_that_fails_is_left_alone_for_longer_and_longer() -> None:
    rests: list[float] = []
    async with place(Endpoint(answers=[(503, b"")] * 9)) as at:
        while at.endpoint.answers:
            first = await at.ask()
            again = await at.ask()
            assert isinstance(first, Failure) and isinstance(again, Failure)
            assert first.retry_after == again.retry_after and first.retry_after is not None
            assert len(at.endpoint.asked) == len(rests) + 1
            rests.append(first.retry_after)
            at.clock.now += first.retry_after
        assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert await at.value() == token(10)
        at.endpoint.answers = [(503, b"")]
        at.clock.now += 3600
        failed = await at.ask()
        assert isinstance(failed, Failure) and failed.retry_after == 1


async def test_one_that_leaves_takes_the_token_from_nobody() -> None:
    async with place(Endpoint(gate=asyncio.Event())) as at:
        leaving, staying = (asyncio.ensure_future(at.ask()) for _ in range(2))
        await at.endpoint.came.wait()
        leaving.cancel()
        assert at.endpoint.gate is not None
        at.endpoint.gate.set()
        assert await staying == Given(token(1), waited=True)
        assert len(at.endpoint.asked) == 1 and leaving.cancelled()


async def test_only_the_token_that_was_refused_is_dropped() -> None:
    async with place(Endpoint()) as at:
        old = await at.ask()
        assert isinstance(old, Given)
        at.tokens.refused(at.key, old)
        assert await at.value() == token(2)
        at.tokens.refused(at.key, old)
        assert await at.value() == token(2)
        assert at.tokens.values() == (token(2),)


GARBAGE = [
    (200, b""),
    (200, MARK.encode()),
    (200, b"[" * 60_000),
    (200, b"[]"),
    (200, b'{"access_token":"a\\nb","expires_in":60}'),
    (200, b'{"access_token":"","expires_in":60}'),
    (200, b'{"access_token":["x"],"expires_in":60}'),
    *(
        (200, b'{"access_token":"%s","expires_in":%s}' % (MARK.encode(), said))
        for said in (b"-1", b"0", b"true", b"1e9")
    ),
    (200, b'{"access_token":"%s","expires_in":"soon"}' % MARK.encode()),
    (200, b'{"access_token":"%s"}' % MARK.encode()),
    (200, b'{"access_token":"x","expires_in":60,"token_type":"mac"}'),
    (200, b'{"access_token":"%s","expires_in":60}' % (b"a" * 20_000)),
    (200, b'{"access_token":"x","expires_in":60,"more":"%s"}' % (b"a" * 70_000)),
    (201, b'{"access_token":"x","expires_in":60}'),
    (302, b""),
    (429, b""),
    (503, MARK.encode()),
]
REFUSALS = [
    (400, b'{"error":"invalid_grant","error_description":"%s"}' % MARK.encode()),
    (401, b'{"error":"%s"}' % CLIENT_SECRET.encode()),
    (403, b""),
]


async def test_what_is_no_token_is_a_failure_that_shows_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with place(Endpoint(answers=[*GARBAGE, *REFUSALS])) as at:
        for said in (*GARBAGE, *REFUSALS):
            failed = await at.ask()
            assert isinstance(failed, Failure), said
            wanted = FailureKind.AUTH if said in REFUSALS else FailureKind.UNAVAILABLE
            assert failed.kind is wanted and failed.status is None, said
            assert MARK not in repr(failed)
            at.clock.now += 60
    assert MARK not in caplog.text and "invalid_grant" in caplog.text
    assert MARK not in repr(at.key) + repr(at.key.grant)


async def test_the_endpoint_is_reached_by_the_providers_proxy() -> None:
    async with forward_proxy() as proxy, place(Endpoint()) as at:
        found = await at.tokens.of(at.key, Connection(proxy=proxy.url))
        assert isinstance(found, Given) and len(proxy.lines) == len(at.endpoint.asked) == 1


async def test_a_name_that_leads_to_a_machines_own_addresses_is_not_asked(caplog: pytest.LogCaptureFixture) -> None:
    # The system's resolver reads this as 169.254.169.254; an account with it would not load.
    grant = of_app(EntraApp("t", "app", SecretRef("env", "X"), "http://0xA9FEA9FE", "https://x/.default"), "secret")
    transport = provider_transport(TransportSettings(trust_env=False))
    try:
        found = await Tokens(sender(transport)).of(key_of(grant), DIRECT)
    finally:
        await transport.aclose()
    assert isinstance(found, Failure) and found.code == "token_unavailable"
    assert "(forbidden_address)" in caplog.text and "A9FE" not in caplog.text


async def test_a_token_that_an_answer_repeats_is_not_in_what_is_recorded_of_it() -> None:
    async def repeats(asked: Asked) -> bool:
        await asked.say(http("200 OK", answer(asked.headers["authorization"])))
        return True

    async with place(Endpoint()) as at, provider(repeats) as vendor:
        transport = provider_transport(TransportSettings(trust_env=False))
        recorder = Recorder(sender(transport), at.tokens.values)
        headers = [("authorization", f"Bearer {await at.value()}")]
        said = await recorder.send(Outbound("POST", vendor.base_url, headers, b"{}"), 5.0)
        while await said.read():
            pass
        await said.close()
        await transport.aclose()
        kept = recorder.recording("asked", Heard())
    assert kept is not None and b"Bearer " in kept.body and MARK.encode() not in kept.body


# What signs ----------------------------------------------------------------------------------------------------------


def test_another_key_is_another_account() -> None:
    url = "https://oauth2.googleapis.com/token"
    one, same, other = (of_service_account(service_account(url, key)) for key in (KEY, KEY, OTHER))
    assert digest(one) == digest(same) != digest(other)
    assert claims(other.form(5.5)["assertion"], OTHER)[1]["iat"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "service account"),
        ('{"type": "authorized_user"}', "service account"),
        (service_account("https://x", type="authorized_user"), "service account"),
        (service_account("https://x", client_email=""), "client_email"),
        (service_account("https://x", client_email="a@x.example\ud800"), "characters"),
        (service_account("https://x", private_key_id="k\ud800"), "characters"),
        (service_account("https://x", private_key=f"{pem()}\ud800"), "characters"),
        (service_account("https://x", private_key=1), "private_key"),
        (service_account("http://x.example/token"), "token_uri"),
        (service_account("https://169.254.169.254/token"), "token_uri"),
        (service_account("https://x", private_key=pem()[:200]), "PEM"),
    ],
)
def test_what_is_no_service_account_is_said_without_showing_it(text: str, said: str) -> None:
    with pytest.raises(Unusable, match=said) as error:
        of_service_account(text).form(0.0)
    assert pem()[60:120] not in str(error.value)


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_any_text_is_a_service_account_or_unusable(text: str) -> None:
    with pytest.raises(Unusable):
        of_service_account(text)
