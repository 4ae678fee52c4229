"""A gateway as a process of its own, and whoever can open a connection to it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Generator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.canaries import PROMPT, client_key
from tests.support.processes import Gateway
from tests.support.wire import Answer, Wire

pytestmark = pytest.mark.anyio

KEY = client_key("ann")
POLICY = f"""
version: 1
providers: {{here: {{dialect: openai_chat, base_url: "embedded:"}}}}
targets: {{small: {{provider: here, model: s}}}}
default: {{route: [requested, small]}}
clients: {{ann: {{key_sha256: {sha256(KEY.encode()).hexdigest()}}}}}
"""
CHAT = "POST /v1/chat/completions"
BODY = json.dumps({"model": "small", "messages": [{"role": "user", "content": PROMPT}]}).encode()
GIGABYTE = 1_000_000_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "policy.yaml").write_text(POLICY)
    gateway = Gateway(folder, "--state-dir", folder / "state")
    try:
        yield urlsplit(gateway.says("listening on ").split()[-1]).port or 0
        gateway.tell(signal.SIGTERM)
        assert gateway.ended()[0] == 0
        said = gateway.rest()
        assert "Traceback" not in said and "internal error" not in said
    finally:
        if gateway.process.returncode is None:
            gateway.process.kill()
            gateway.ended()


def head(line: str, *headers: str) -> bytes:
    usual = ["Host: 127.0.0.1", "Content-Type: application/json", f"Authorization: Bearer {KEY}"]
    given = {header.partition(":")[0].lower() for header in headers}
    kept = [header for header in usual if header.partition(":")[0].lower() not in given]
    return "\r\n".join([f"{line} HTTP/1.1", *kept, *(each for each in headers if each[-1] != ":"), "", ""]).encode()


async def asked(port: int, *raw: bytes) -> Answer:
    """Sends what the server takes, and gives what it says."""
    wire = await Wire.open(port)

    async def send() -> None:
        with suppress(OSError):  # it wants no more
            for piece in raw:
                wire.send(piece)
                await wire.sent()

    sending = asyncio.ensure_future(send())
    try:
        return await wire.answer()
    finally:
        sending.cancel()
        await wire.aclose()


async def served(port: int) -> None:
    """Whatever was tried: the next request is answered."""
    assert (await asked(port, head(CHAT, f"Content-Length: {len(BODY)}") + BODY)).status == 200


async def test_a_body_of_a_gigabyte_is_refused_before_it_comes(port: int) -> None:
    told = await asked(port, head(CHAT, f"Content-Length: {GIGABYTE}") + BODY)
    assert (told.status, told.code, told.headers["connection"]) == (413, "body_too_large", "close")
    await served(port)


async def test_a_body_that_does_not_say_how_long_it_is_is_cut(port: int) -> None:
    chunk = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
    told = await asked(port, head(CHAT, "Transfer-Encoding: chunked"), *[chunk] * 40)
    assert (told.status, told.code) == (413, "body_too_large")
    await served(port)


BODIES = {
    "deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "invalid_json"),
    "deep, as parsers allow": (b'{"model":"small","x":' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
    "wide": (b'{"model":"small","messages":[],"x":[' + b"[]," * 5_000_000 + b"1]}", "too_many_values"),
    "a model in a model": (b'{"model":{"model":"small"},"messages":[{"role":"user"}]}', "invalid_type"),
    "half a character": (b'{"model":"\\ud800","messages":[{"role":"user","content":"Hi"}]}', "invalid_json"),
    "no UTF-8": (b'{"model":"\xff","messages":[]}', "invalid_json"),
    "UTF-16": ('{"model":"small"}'.encode("utf-16"), "invalid_json"),
    "a number without end": (b'{"model":"small","max_tokens":' + b"9" * 1_000_000 + b"}", None),
}


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES)
async def test_a_hostile_body_is_an_error_of_its_client(port: int, body: bytes, code: str | None) -> None:
    told = await asked(port, head(CHAT, f"Content-Length: {len(body)}") + body)
    assert told.status == 400
    assert code in {None, told.code}
    await served(port)


async def test_the_last_of_two_models_is_the_one_that_everybody_sees(port: int) -> None:
    body = BODY.replace(b'"model": "small"', b'"model": "small", "model": "unheard-of", "mod\\u0065l": "small"')
    told = await asked(port, head(CHAT, f"Content-Length: {len(body)}") + body)
    assert (told.status, told.headers["x-policyroute-target"]) == (200, "small")


PATHS = [
    "/v1/models/../../-/policy",
    "/v1/models/%2e%2e/%2e%2e/metrics",
    "/v1/models/..%2f..%2f-%2fpolicy",
    "/v1/models/small%00",
    "/v1/models/small%0d%0aX-Injected:1",
    "/v1/models/small/",
    "/v1/models//small",
    "/v1/models/" + "a" * 20_000,
    "/v1beta/models/../../-/policy:generateContent",
    "/v1beta/models/small%3fkey=1:streamGenerateContent",
    "//v1/models/small",
    "/v1/./models/small",
    "/V1/models/small",
    "/v1/chat/../models/small",
    "/-/../-/policy",
    "/;/-/policy",
    "/%2d/policy",
    "/-/policy/",
    "/metrics%00",
    "/metrics/",
    "/.git/config",
    "/%c0%ae%c0%ae/policy",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
async def test_a_path_is_ours_by_its_letters_or_not_at_all(port: int, path: str) -> None:
    told = await asked(port, head(f"GET {path}"))
    assert told.status in {403, 404, 405}  # 403 is the operator's page, said in another way, for one who is none
    assert "x-injected" not in told.headers
    await served(port)


FORGERIES = {
    "another name": (["Host: evil.example"], 421),
    "a name that leads here": (["Host: 127.0.0.1.evil.example"], 421),
    "a page of elsewhere": (["Origin: https://evil.example"], 403),
    "a page without an origin": (["Origin: null"], 403),
    "a page of this machine": (["Origin: http://127.0.0.1:8080"], 403),
    "a form": (["Content-Type: text/plain"], 415),
    "another form": (["Content-Type: application/x-www-form-urlencoded"], 415),
    "no type": (["Content-Type:"], 415),
    "compressed": (["Content-Encoding: gzip"], 415),
    "no key": (["Authorization:"], 401),
    "an empty key": (["Authorization: Bearer "], 401),
    "another key": (["Authorization: Bearer plr_wrong"], 401),
    "the sha256 of a key": ([f"Authorization: Bearer {sha256(KEY.encode()).hexdigest()}"], 401),
    "half a key": ([f"Authorization: Bearer {KEY[:-1]}"], 401),
    "another scheme": ([f"Authorization: Basic {KEY}"], 401),
    "two keys": (["x-api-key: plr_wrong"], 401),
    "a key in a cookie": (["Authorization:", f"Cookie: key={KEY}"], 401),
    "a profile that nobody knows": (["X-Router-Profile: ROOT"], 400),
    "a conversation with a tab": (["X-Conversation-ID: a\tb"], 400),
}


@pytest.mark.parametrize(("headers", "status"), FORGERIES.values(), ids=FORGERIES)
async def test_a_forgery_is_refused(port: int, headers: list[str], status: int) -> None:
    told = await asked(port, head(CHAT, *headers, f"Content-Length: {len(BODY)}") + BODY)
    assert told.status == status
    assert not [name for name in told.headers if name.startswith("access-control")]
    await served(port)


@pytest.mark.parametrize("page", ["/metrics", "/-/policy"])
async def test_a_users_key_opens_no_page_of_the_operators(port: int, page: str) -> None:
    assert (await asked(port, head(f"GET {page}"))).status == 403
    assert (await asked(port, head(f"GET {page}", "Authorization:"))).status == 401
    assert (await asked(port, head(f"GET {page}", "Authorization:", "X-Forwarded-For: 127.0.0.1"))).status == 401


async def test_a_smuggled_request_is_nobodys(port: int) -> None:
    inner = head("GET /v1/models")
    for framing in (
        [f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", f"Content-Length: {len(inner) + 5}"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding : chunked"],
    ):
        wire = await Wire.open(port)
        wire.send(head(CHAT, *framing) + b"0\r\n\r\n" + inner)
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""
        await wire.aclose()
    await served(port)


@pytest.mark.parametrize("begun", [b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
async def test_those_who_only_hold_connections_hold_nobody_up(port: int, begun: bytes) -> None:
    idle = [await Wire.open(port) for _ in range(200)]
    for wire in idle:
        wire.send(begun)
    await served(port)
    for wire in idle:
        await wire.aclose()


def test_the_state_directory_is_its_owners(port: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = [path for path in Path(tmp_path_factory.getbasetemp()).glob("served*/state/*") if path.is_file()]
    assert found
    assert [path.stat().st_mode & 0o077 for path in found] == [0] * len(found)
