"""Any SDK through the gateway to a mock that others wrote, in any dialect, and what it is told when that goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from itertools import product
from typing import Any

import httpx
import openai
import pytest
from tests.support.asgi import serving
from tests.support.edge import Log
from tests.support.speakers import ERRORS, FINISHES, Ask, Speaker, speaker

from policyroute.dialects import DIALECTS
from policyroute.health.table import HealthTable
from policyroute_asgi import Router, gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:FUNCTION_CALL is not a valid FinishReason"),  # the mock's; Gemini has STOP
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]
BASES = {"openai_chat": "/v1", "openai_responses": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
PAIRS = list(product(DIALECTS, DIALECTS))


def policy(mock: str) -> str:
    """A target at the mock for each dialect, and one that has another to swap to."""
    lines = ["version: 1", "providers:", '  own: {dialect: openai_chat, base_url: "embedded:"}']
    lines += [
        f"  {name}: {{dialect: {name}, base_url: '{mock}{base}', api_key: {{env: MOCK_KEY}}}}"
        for name, base in BASES.items()
    ]
    lines += ["targets:", "  ok: {provider: own, model: ok}"]
    lines += [f"  at-{name}: {{provider: {name}, model: m}}" for name in BASES]
    lines += ["rules:"]
    lines += [
        f"  - {{id: swap-{name}, when: request.model == 'swap-{name}', route: [at-{name}, ok]}}" for name in BASES
    ]
    return "\n".join([*lines, "default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}"])


@pytest.fixture(scope="module")
async def url(aimock: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(policy(aimock))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MOCK_KEY", "mock-key")
        router = Router(folder, log=Log())
        RESTED.append(lambda: setattr(router.services.telemetry.resting, "table", HealthTable()))
        async with serving(gateway(router)) as url:
            yield url


RESTED: list[Callable[[], None]] = []
"""Has the gateway forget who failed."""


@pytest.fixture(autouse=True)
def nobody_rests() -> None:
    """A provider that broke off in the last test is asked in this one."""
    for forget in RESTED:
        forget()


Pair = tuple[Speaker, str, str]


@pytest.fixture(params=PAIRS, ids="<-".join, scope="module")
async def pair(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Pair]:
    client, provider = request.param
    async with speaker(client, url) as spoken:
        yield spoken, client, provider


async def heard(aimock: str) -> dict[str, Any]:
    """The last request, as the mock has read it: it keeps all of them in one form."""
    async with httpx.AsyncClient(base_url=aimock) as http:
        entries = (await http.get("/__aimock/journal")).json()
    body: dict[str, Any] = entries[-1]["body"]
    return body


async def test_answers_and_calls_are_told(pair: Pair, aimock: str) -> None:
    spoken, client, provider = pair
    ends = FINISHES[client]
    for asked in (spoken.whole, spoken.streamed):
        said = await asked(f"at-{provider}", Ask("hello", "Be kind."))
        assert (said.text, said.finish) == ("Hello there, dear caller.", ends["stop"])
        assert said.usage == (11, 7)
        assert [each["role"] for each in (await heard(aimock))["messages"]] == ["system", "user"]
        said = await asked(f"at-{provider}", Ask("both", tool=True))
        assert said.calls == [("look", {"q": "x"}), ("look", {"q": "y"})]
        assert said.finish == ends["tools"] or client == provider == "gemini"
        said = await asked(f"at-{provider}", Ask("both", tool=True, gave=("a cat", "a page")))
        assert (said.text, said.finish) == ("A cat and a page.", ends["stop"])
        said = await asked(f"at-{provider}", Ask("form", schema=True))
        assert json.loads(said.text) == {"q": "x"}
        if provider == "openai_chat":  # of other dialects the mock keeps no schema
            form = (await heard(aimock))["response_format"]["json_schema"]
            assert form["schema"]["properties"]["q"]["enum"] == ["x"]
        said = await asked(f"at-{provider}", Ask("think"))
        assert (said.thought, said.text) == ("Let me see.", "Seen.")


async def test_results_arrive_with_their_calls(pair: Pair, aimock: str) -> None:
    spoken, _, provider = pair
    await spoken.whole(f"at-{provider}", Ask("both", tool=True, gave=("a cat", "a page")))
    told = (await heard(aimock))["messages"]
    calls = [call for each in told for call in each.get("tool_calls") or ()]
    called = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]
    assert called == [("look", {"q": "x"}), ("look", {"q": "y"})]
    results = [(each["tool_call_id"], each["content"]) for each in told if each["role"] == "tool"]
    assert [call["id"] for call in calls] == [call_id for call_id, _ in results]
    assert [said.removeprefix('{"output":"').removesuffix('"}') for _, said in results] == ["a cat", "a page"]


@pytest.mark.parametrize("trouble", ["busy", "down", "too long"])
async def test_errors_raise_the_sdks_own_exceptions(pair: Pair, trouble: str) -> None:
    spoken, _, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        with pytest.raises(ERRORS):
            await asked(f"at-{provider}", Ask(trouble))


KINDS = {
    "busy": (openai.RateLimitError, "rate_limited", "7"),
    "down": (openai.InternalServerError, "unavailable", None),
    "too long": (openai.BadRequestError, "context_length_exceeded", None),
}


@pytest.mark.parametrize("provider", DIALECTS)
async def test_each_error_is_what_it_is(url: str, provider: str) -> None:
    for trouble, (expected, code, wait) in KINDS.items():
        async with speaker("openai_chat", url) as spoken:
            with pytest.raises(openai.APIStatusError) as told:
                await spoken.whole(f"at-{provider}", Ask(trouble))
        said = (type(told.value), told.value.code, told.value.response.headers.get("retry-after"))
        assert said == (expected, code, wait), trouble


@pytest.mark.parametrize("route", ["at", "swap"])
async def test_a_cut_stream_is_never_whole(pair: Pair, route: str) -> None:
    """Nor is the answer of another put behind what was told. Responses the mock cuts before their first word."""
    spoken, _, provider = pair
    if (route, provider) == ("swap", "openai_responses"):
        assert (await spoken.streamed(f"swap-{provider}", Ask("cut"))).text == "ok says: cut"
        return
    with pytest.raises(ERRORS):
        await spoken.streamed(f"{route}-{provider}", Ask("cut"))


@pytest.mark.parametrize("trouble", ["busy", "down"])
async def test_a_swap_before_the_first_word_is_invisible(pair: Pair, trouble: str) -> None:
    spoken, client, provider = pair
    for asked in (spoken.whole, spoken.streamed):
        said = await asked(f"swap-{provider}", Ask(trouble))
        assert (said.text, said.finish) == (f"ok says: {trouble}", FINISHES[client]["stop"])


@pytest.mark.parametrize("chaos", ["dropRate", "malformedRate", "disconnectRate", "rateLimitRate"])
@pytest.mark.parametrize("provider", DIALECTS)
async def test_chaos_is_swapped_around_or_an_error(aimock: str, url: str, provider: str, chaos: str) -> None:
    async with httpx.AsyncClient(base_url=aimock) as http:
        await http.post("/__aimock/chaos", json={chaos: 1})
        try:
            for client in DIALECTS:
                async with speaker(client, url) as spoken:
                    for asked in (spoken.whole, spoken.streamed):
                        assert (await asked(f"swap-{provider}", Ask("hello"))).text == "ok says: hello"
                        with pytest.raises(ERRORS):
                            await asked(f"at-{provider}", Ask("hello"))
        finally:
            await http.delete("/__aimock/chaos")
