"""SDKs of the vendors get values back that no provider ever saw, in texts and tool calls, and nothing that a rule takes
out of answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from tests.support.asgi import serving
from tests.support.echoing import Echo, Echoes
from tests.support.speakers import Ask, Speaker, speaker
from tests.support.strings import strings

from policyroute.dialects import DIALECTS
from policyroute_asgi import Router, gateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai's
]

NAMES = list(DIALECTS)
EMAIL, CARD = "zoe.quill@mail.example", "4111 1111 1111 1111"
ASKED = f'Write to {EMAIL} ("Zoë") about {CARD}, see https://shop.example/of/{EMAIL} for it.'


def policy() -> str:
    lines = ["version: 1", "providers:"]
    lines += [
        f'  {name}: {{dialect: {name}, base_url: "http://{name.replace("_", "-")}/v1", insecure: true}}'
        for name in NAMES
    ]
    lines += ["targets:", *(f"  to-{name}: {{provider: {name}, model: m}}" for name in NAMES)]
    lines += [
        "rules:",
        "  - {id: pii, redact: {detect: [pii], restore: true}}",
        "  - {id: said, phase: response, redact: {detect: [iban], patterns: {code: 'LX-[0-9]{5}'}}}",
        "default: {route: [requested], fallback: {retries: 0}}",
    ]
    return "\n".join(lines)


def letter(body: str) -> str:
    """Says what it was asked, with what its own heart adds."""
    [asked] = [each for each in strings(json.loads(body)) if each.startswith("Write to")]
    return f"{asked} Pay to DE89 3704 0044 0532 0130 00, by the code LX-20471."


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def echoes() -> Echoes:
    return Echoes(**{name.replace("_", "-"): Echo(name, letter, piece=3) for name in NAMES})


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory, echoes: Echoes) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.yaml").write_text(policy())
    async with serving(gateway(Router(folder, transport=echoes))) as url:
        yield url


@pytest.fixture(params=NAMES)
async def spoken(request: pytest.FixtureRequest, url: str) -> AsyncIterator[tuple[str, Speaker]]:
    async with speaker(request.param, url) as made:
        yield request.param, made


@pytest.mark.parametrize("calls", [False, True], ids=["text", "call"])
@pytest.mark.parametrize("provider", ["the same", "another"])
async def test_values_come_back_and_what_must_not_be_said_does_not(
    spoken: tuple[str, Speaker], echoes: Echoes, provider: str, calls: bool
) -> None:
    client, sdk = spoken
    name = client if provider == "the same" else NAMES[(NAMES.index(client) + 1) % len(NAMES)]
    echo = echoes.by_host[name.replace("_", "-")]
    echo.got.clear()
    echo.calls = calls
    ask = Ask(ASKED, tool=calls)
    for told in (await sdk.whole(f"to-{name}", ask), await sdk.streamed(f"to-{name}", ask)):
        said = told.calls[0][1]["said"] if calls else told.text
        assert said.startswith(f'Write to {EMAIL} ("Zoë") about {CARD}, see https://shop.example/of/ZQ')
        assert EMAIL not in said.partition("https")[2], "a value would leave by a link"
        assert said.endswith("for it. Pay to [IBAN], by the code [CODE].")
    assert len(echo.got) == 2
    assert not any(EMAIL.encode() in body or b"4111" in body for body in echo.got)
