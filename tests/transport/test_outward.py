"""What never goes out: keys after a redirect, requests to link-local addresses, headers that a client has split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from tests.support.exchanges import FALLBACK, Gateway, candidate, transport_of
from tests.support.providers import STREAM, Asked, Script, answer, error, http, part, provider

from policyroute.decide.decision import Hop
from policyroute.exchange.payload import build
from policyroute.failures import FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.brought_keys import BroughtKeys
from policyroute_asgi.provider_connections import Connection

pytestmark = pytest.mark.anyio
BODY = b'{"model":"auto","messages":[{"role":"user","content":"Hi"}]}'


async def whole(asked: Asked) -> bool:
    await asked.say(http("200 OK", answer()))
    return True


def only(*keys: str) -> Script:
    """Serves these keys: others are throttled, refused or out of credit, as their names say."""

    async def script(asked: Asked) -> bool:
        key = asked.headers["authorization"].removeprefix("Bearer ")
        if key in keys:
            return await whole(asked)
        if "refused" in key:
            await asked.say(http("401 Unauthorized", error(f"Incorrect API key provided: {key}", "invalid_api_key")))
        elif "empty" in key:
            await asked.say(http("429 Too Many Requests", error("No credit", "insufficient_quota")))
        else:
            await asked.say(http("429 Too Many Requests", error("Slow down", "rate_limit"), "retry-after: 30"))
        return True

    return script


def keys_of(asked: Iterable[Asked]) -> list[str]:
    return [each.headers.get("authorization", "").removeprefix("Bearer ") for each in asked]


# Redirects and addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"])
async def test_a_redirect_is_not_followed_and_takes_no_key_along(kind: str, status: str) -> None:
    async with provider(whole) as elsewhere:

        async def redirects(asked: Asked) -> bool:
            await asked.say(http(status, b"", f"location: {elsewhere.base_url}/chat/completions"))
            return True

        async with provider(redirects) as a, Gateway(transport_of(kind), keys={"a": "sk-1"}) as gateway:
            heard, record = await gateway.ask(a.base_url)
        assert not elsewhere.asked
    assert heard.failure is not None and heard.failure.kind is FailureKind.UNAVAILABLE
    assert record.attempts[0].status == int(status[:3])


async def test_a_name_that_leads_to_a_link_local_address_is_not_connected_to(kind: str) -> None:
    # The system's resolver reads this as 169.254.169.254; a policy with it would not load.
    async with provider(whole) as b, Gateway(transport_of(kind), keys={"a": "sk-1"}) as gateway:
        heard, record = await gateway.ask("http://0xA9FEA9FE/v1", b.base_url)
    assert heard.target == "b"
    assert (record.attempts[0].outcome, record.attempts[0].code) == ("unavailable", "forbidden_address")


async def test_nor_is_a_proxy_at_one(kind: str) -> None:
    connection = Connection(proxy="http://0xA9FEA9FE:3128")
    async with Gateway(transport_of(kind), connections={"a": connection}) as gateway:
        _, record = await gateway.ask("http://llm.example/v1")
    assert record.attempts[0].code == "forbidden_address"


async def test_a_name_that_leads_nowhere_is_told_as_that(kind: str) -> None:
    async with Gateway(transport_of(kind)) as gateway:
        _, record = await gateway.ask("http://nowhere.invalid/v1")
    assert (record.attempts[0].outcome, record.attempts[0].code) == ("unavailable", "dns")


# Headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "x-request-id"])
@pytest.mark.parametrize("value", ["a\r\nAuthorization: Bearer mine", "a\nb: c", "a\x00b", "é", "x" * 5000])
def test_a_clients_header_that_could_be_two_does_not_go_on(name: str, value: str) -> None:
    """Not every ASGI server refuses these."""
    request = ModelRequest.read("openai_chat", BODY, [(name, value), ("traceparent-2", "ok")])
    asked = candidate("a", "https://a.example/v1")
    outbound = build(request, Hop(asked, None), "sk-1").outbound
    assert name not in dict(outbound.headers)
    assert [value for name, value in outbound.headers if name == "authorization"] == ["Bearer sk-1"]


@pytest.mark.parametrize("value", ["1\r\nx-api-key: mine", "1\nb: c", "1\x00"])
def test_nor_does_one_that_belongs_to_the_dialect(value: str) -> None:
    body = b'{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'
    request = ModelRequest.read("anthropic", body, [("anthropic-version", value), ("anthropic-beta", value)])
    asked = candidate("a", "https://a.example/v1")
    asked = replace(asked, provider=replace(asked.provider, dialect="anthropic"))
    sent = dict(build(request, Hop(asked, None), "sk-1").outbound.headers)
    assert sent["anthropic-version"].isprintable() and "anthropic-beta" not in sent


# Pools of keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["refused", "empty", "throttled"])
async def test_a_key_in_trouble_is_an_invisible_change_to_another(kind: str, trouble: str) -> None:
    pool = (f"sk-{trouble}", "sk-good")
    async with provider(only("sk-good")) as a, Gateway(transport_of(kind), keys={"a": pool}) as gateway:
        for _ in range(3):
            heard, record = await gateway.ask(a.base_url)
            assert heard.complete and record.outcome == "ok"
        # Learnt once: the key in trouble is left alone afterwards.
        assert keys_of(a.asked) == [f"sk-{trouble}", "sk-good", "sk-good", "sk-good"]


async def test_where_every_key_rests_the_provider_is_passed_over(kind: str) -> None:
    pool = ("sk-throttled-1", "sk-throttled-2")
    async with (
        provider(only()) as a,
        provider(whole) as b,
        Gateway(transport_of(kind), keys={"a": pool}, fallback=replace(FALLBACK, max_swaps=1)) as gateway,
    ):
        first, _ = await gateway.ask(a.base_url, b.base_url)
        second, record = await gateway.ask(a.base_url, b.base_url)
        assert (first.target, second.target) == ("b", "b")
        assert len(a.asked) == 2
        assert [(each.target, each.code) for each in record.skipped] == [("a", "no_usable_key")]
        alone, _ = await gateway.ask(a.base_url)
    assert alone.failure is not None and alone.failure.kind is FailureKind.RATE_LIMITED
    assert alone.failure.retry_after == pytest.approx(30, abs=5)


async def test_a_failure_inside_a_stream_teaches_as_much(kind: str) -> None:
    async def streams(asked: Asked) -> bool:
        said = error("No credit", "insufficient_quota")
        await asked.say(STREAM + part(b"data: " + said + b"\n\n") + b"0\r\n\r\n")
        return True

    async with provider(streams) as a, Gateway(transport_of(kind), keys={"a": ("sk-1", "sk-2")}) as gateway:
        await gateway.ask(a.base_url, stream=True)
        assert keys_of(a.asked) == ["sk-1", "sk-2"]
        heard, _ = await gateway.ask(a.base_url, stream=True)
        assert len(a.asked) == 2
    assert heard.failure is not None and heard.failure.kind is FailureKind.QUOTA_EXHAUSTED


async def test_a_conversation_keeps_its_key(kind: str) -> None:
    async with provider(whole) as a, Gateway(transport_of(kind), keys={"a": ("sk-1", "sk-2", "sk-3")}) as gateway:
        for _ in range(4):
            await gateway.ask(a.base_url, conversation="one and the same")
        assert len(set(keys_of(a.asked))) == 1
        for _ in range(3):
            await gateway.ask(a.base_url)
        assert len(set(keys_of(a.asked[4:]))) == 3


async def test_a_refused_key_that_is_alone_is_not_sent_again(kind: str) -> None:
    async with provider(only()) as a, Gateway(transport_of(kind), keys={"a": "sk-refused"}) as gateway:
        for _ in range(2):
            heard, _ = await gateway.ask(a.base_url)
            assert heard.failure is not None and heard.failure.kind is FailureKind.AUTH
            assert "sk-refused" not in heard.failure.message
        assert len(a.asked) == 1


# The caller's own key -------------------------------------------------------------------------------------------------


async def test_the_callers_key_goes_to_its_provider_and_ours_to_the_others(kind: str) -> None:
    own = BroughtKeys({"a": "sk-throttled-own"})
    async with (
        provider(only()) as a,
        provider(whole) as b,
        Gateway(transport_of(kind), keys={"b": "sk-ours"}, own_keys=own, takes_own="a") as gateway,
    ):
        heard, _ = await gateway.ask(a.base_url, b.base_url)
        assert heard.target == "b"
        assert keys_of(a.asked) == ["sk-throttled-own"]
        assert keys_of(b.asked) == ["sk-ours"]
        await gateway.ask(a.base_url, b.base_url)
        assert len(a.asked) == 2  # what happens to a caller's key is remembered by nobody


async def test_a_callers_key_that_is_refused_is_told_and_not_shown(kind: str) -> None:
    own = BroughtKeys({"a": "sk-refused-own"})
    async with (
        provider(only()) as a,
        provider(whole) as b,
        Gateway(transport_of(kind), own_keys=own, takes_own="a") as gateway,
    ):
        heard, record = await gateway.ask(a.base_url, b.base_url)
        assert not b.asked
    assert heard.failure is not None and heard.failure.client_key
    assert (heard.failure.code, record.attempts[0].code) == ("provider_key_refused", "provider_key_refused")
    assert "sk-refused-own" not in f"{heard.failure} {record.as_json()}"


async def test_a_callers_key_is_scrubbed_from_what_providers_say(kind: str) -> None:
    key = "nothing but itself gives it away"

    async def tells(asked: Asked) -> None:
        await asked.say(http("500 Internal Server Error", error(f"What is {key}?", "server_error")))

    own = BroughtKeys(bare=key)
    async with provider(tells) as a, Gateway(transport_of(kind), own_keys=own, takes_own="a") as gateway:
        heard, _ = await gateway.ask(a.base_url)
    assert heard.failure is not None and "What is" in heard.failure.message
    assert key not in heard.failure.message


async def test_without_a_key_nobody_is_asked(kind: str) -> None:
    async with provider(whole) as a, Gateway(transport_of(kind), takes_own="a") as gateway:
        heard, record = await gateway.ask(a.base_url)
        assert not a.asked
    assert heard.failure is not None and "X-Provider-Key: a=" in heard.failure.message
    assert [(each.target, each.code) for each in record.skipped] == [("a", "missing_client_key")]
