"""The vendors' SDKs see one answer where two providers gave it, and raise where nobody could finish it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
from tests.support.asgi import serving
from tests.support.edge import Log
from tests.support.speakers import ERRORS, FINISHES, Ask, Speaker, speaker
from tests.support.tellers import ANSWER, Ending, Teller, Tellers

from policyroute.dialects import DIALECTS
from policyroute.health.table import HealthTable
from policyroute_asgi import Router, gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]

NEXT = dict(zip(DIALECTS, [*list(DIALECTS)[1:], next(iter(DIALECTS))], strict=True))
TOKENS = (len(ANSWER) + 3) // 4


def policy() -> str:
    lines = ["version: 1", "providers:"]
    for name in DIALECTS:
        host = name.replace("_", "-")
        lines += [
            f'  {name}-{n}: {{dialect: {name}, base_url: "http://{host}-{n}/v1", insecure: true}}' for n in (1, 2)
        ]
    lines += ["targets:"]
    lines += [f"  {name}-{n}: {{provider: {name}-{n}, model: m}}" for name in DIALECTS for n in (1, 2)]
    lines += ["rules:"]
    lines += [
        f"  - {{id: {name}, when: request.model == '{name}', route: [{name}-1, {NEXT[name]}-2]}}" for name in DIALECTS
    ]
    fallback = "fallback: {mid_stream: continue, retries: 0, swap_delay: 0ms}, hold: {tools: true}"
    return "\n".join([*lines, f"default: {{route: [requested], {fallback}}}"])


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def tellers() -> Tellers:
    return Tellers()


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory, tellers: Tellers) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(policy())
    router = Router(folder, transport=tellers)
    tellers.rested = lambda: setattr(router.services.telemetry.resting, "table", HealthTable())
    async with serving(gateway(router)) as url:
        yield url


@pytest.fixture(params=list(product(DIALECTS, DIALECTS)), ids="<-".join, scope="module")
async def pair(request: pytest.FixtureRequest, url: str) -> AsyncIterator[tuple[Speaker, str, str]]:
    client, provider = request.param
    async with speaker(client, url) as spoken:
        yield spoken, client, provider


Pair = tuple[Speaker, str, str]


def told(tellers: Tellers, provider: str, first: Teller, second: Teller) -> None:
    """From now on these two answer."""
    host, other = provider.replace("_", "-"), NEXT[provider].replace("_", "-")
    tellers.rested()
    tellers.tellers.clear()
    tellers.tellers.update({f"{host}-1": first, f"{other}-2": second})


@pytest.mark.parametrize("ending", ["cut", "reset", "error", "malformed"])
async def test_the_sdk_sees_one_answer(pair: Pair, tellers: Tellers, ending: Ending) -> None:
    spoken, client, provider = pair
    for cut in (1, 2, 23, 58, 59):
        told(tellers, provider, Teller(provider, cut, ending), Teller(NEXT[provider]))
        said = await spoken.streamed(provider, Ask("Tell me of owls."))
        assert (said.text, said.finish) == (ANSWER, FINISHES[client]["stop"]), cut
        assert said.usage[1] in range(TOKENS, TOKENS + 2), cut


async def test_thoughts_that_were_shown_are_closed(pair: Pair, tellers: Tellers) -> None:
    spoken, client, provider = pair
    for cut in (2, 3, 4, 20):
        first = Teller(provider, cut, thoughts=("Owls, ", "owls."))
        told(tellers, provider, first, Teller(NEXT[provider], thoughts=("Hm.",)))
        said = await spoken.streamed(provider, Ask("Tell me of owls."))
        assert (said.text, said.finish) == (ANSWER, FINISHES[client]["stop"]), cut
        assert said.thought in {"", "Owls, ", "Owls, owls."}


async def test_the_sdk_raises_where_nobody_could_finish_it(pair: Pair, tellers: Tellers) -> None:
    spoken, _, provider = pair
    for cut in (2, 30):
        told(tellers, provider, Teller(provider, cut), Teller(NEXT[provider], 3, "reset", again=True))
        with pytest.raises(ERRORS):
            await spoken.streamed(provider, Ask("Tell me of owls."))


async def test_the_log_says_who_said_what_and_how(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(policy())
    log, tellers = Log(), Tellers()
    told(tellers, "anthropic", Teller("anthropic", 30), Teller(NEXT["anthropic"]))
    async with serving(gateway(tmp_path, transport=tellers, log=log)) as url, speaker("openai_chat", url) as spoken:
        await spoken.streamed("anthropic", Ask("Tell me of owls."))
    first, second = log.lines[-1]["attempts"]
    assert (first["outcome"], first["carried"], first["estimated"]) == ("stream_broken", None, True)
    assert 25 < first["output_tokens"] < 45
    assert first["input_tokens"] > 0
    assert (second["outcome"], second["carried"], second["estimated"]) == ("ok", "instruct", False)
    assert second["output_tokens"] < TOKENS - 25
