"""A real nginx with the example's configuration, in front of the real command of the unit."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from tests.deploy.conftest import APP, DESK, NAME, OPERATOR, Front, Installed, Place, Start, stand, starting
from tests.support.canaries import PROMPT
from tests.support.deployed import Service, unit_command
from tests.support.processes import PATIENCE
from tests.support.providers import END, LAST, ROLE, STREAM, Asked, part, provider, text

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"


def chat(model: str, stream: bool = False, said: str = PROMPT) -> dict[str, object]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": said}]}


@asynccontextmanager
async def client(front: Front, source: str = "127.0.0.1", key: str = APP) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the public name, from this address of the machine."""
    transport = httpx.AsyncHTTPTransport(verify=front.trust, local_address=source)

    async def named(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = NAME

    headers = {"host": NAME, "authorization": f"Bearer {key}"}
    base = f"https://127.0.0.1:{front.port}"
    hooks = {"request": [named]}
    async with httpx.AsyncClient(
        transport=transport, base_url=base, headers=headers, timeout=PATIENCE, event_hooks=hooks
    ) as made:
        yield made


@dataclass(frozen=True)
class Whole:
    """The unit's gateway, and nginx before it."""

    place: Place
    gateway: Service
    front: Front


@pytest.fixture(scope="module")
def whole(nginx: str, installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Generator[Whole]:
    folder = tmp_path_factory.mktemp("whole")
    place = Place.made(folder)
    with starting() as start:
        gateway = start(place.of(unit_command(), installed.prefix, **DESK))
        yield Whole(place, gateway, stand(nginx, start, folder / "nginx", [port(gateway)]))


def port(gateway: Service) -> int:
    return int(gateway.address().rpartition(":")[2])


def alone(command: list[str]) -> list[str]:
    """One worker, with the operator's pages at its own port."""
    at, many = command.index("--operator"), command.index("--workers") + 1
    return [*command[:many], "1", *command[many + 1 : at], *command[at + 2 :]]


async def said(lines: AsyncIterator[str]) -> str:
    """The next word of a stream."""
    async for line in lines:
        if line.startswith("data: {"):
            word: str = json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content")
            if word:
                return word
    raise AssertionError("it ended")


def at_provider(whole: Whole, base_url: str) -> None:
    """Have the model `far` served by a provider at this address."""
    (whole.place.policies / "far.yaml").write_text(
        f"version: 1\nproviders: {{far: {{dialect: openai_chat, base_url: '{base_url}'}}}}\n"
        "targets: {far: {provider: far, model: far}}\n"
    )
    whole.gateway.says("all workers serve policy")


async def test_a_stream_arrives_event_by_event_and_a_hang_up_reaches_the_provider(whole: Whole) -> None:
    words: asyncio.Queue[str] = asyncio.Queue()
    left = asyncio.Event()

    async def script(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE))
        gone = asyncio.ensure_future(asked.left())
        while not gone.done():
            word = asyncio.ensure_future(words.get())
            await asyncio.wait({gone, word}, return_when=asyncio.FIRST_COMPLETED)
            if word.done():
                await asked.say(part(text(word.result())))
            word.cancel()
        await gone
        left.set()

    async with provider(script) as far:
        at_provider(whole, far.base_url)
        async with client(whole.front) as http, asyncio.timeout(PATIENCE):
            words.put_nowait("word-1")  # an answer begins with its first word
            async with http.stream("POST", CHAT, json=chat("far", stream=True)) as answer:
                lines = answer.aiter_lines()
                for number in range(1, 5):
                    assert await said(lines) == f"word-{number}"
                    words.put_nowait(f"word-{number + 1}")  # and none before the last one has come
            await left.wait()


async def test_a_stream_ends_as_its_provider_ends_it(whole: Whole) -> None:
    async def script(asked: Asked) -> None:
        await asked.say(STREAM + part(ROLE) + part(text("Hello")) + part(LAST) + END)

    async with provider(script) as far:
        at_provider(whole, far.base_url)
        async with client(whole.front) as http:
            answer = await http.post(CHAT, json=chat("far", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("data: [DONE]")


async def test_rules_see_the_clients_address_and_nothing_it_says_of_itself(whole: Whole) -> None:
    forged = {"x-forwarded-for": "198.51.100.9", "forwarded": "for=198.51.100.9"}
    for source in ("127.0.0.1", "127.0.0.2"):
        async with client(whole.front, source) as http:
            answer = await http.post(CHAT, json=chat("ok"), headers=forged)
        assert (answer.status_code, answer.headers["x-seen"]) == (200, source)
        assert "x-policyroute-target" not in answer.headers  # that is for callers on the machine itself


HIDDEN = [
    *("/metrics", "/-/policy", "/-/reload", "/healthz", "/metrics?a=/v1/", "//metrics", "/%6detrics", "/./metrics"),
    *("/v1/../metrics", "/v1/%2e%2e/metrics", "/v1/..%2fmetrics", "/v1//../../metrics", "/v1beta/../-/policy"),
    *("/metrics/../v1/", "/metrics/%2e%2e/v1/models", "/-/policy#/../v1/", "/v1/;/../metrics", "/v1/..;/metrics"),
]


async def test_what_is_the_operators_is_not_to_be_had_through_it(
    nginx: str, installed: Installed, place: Place, start: Start, tmp_path: Path
) -> None:
    at = port(start(alone(place.of(unit_command(), installed.prefix, **DESK))))
    key = {"authorization": f"Bearer {OPERATOR}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{at}", headers=key, timeout=PATIENCE) as direct:
        assert (await direct.get("/metrics")).is_success and (await direct.get("/-/policy")).is_success
    front = stand(nginx, start, tmp_path / "nginx", [at])
    for path in HIDDEN:
        answer = await raw(front, path)
        assert answer.split(b" ", 2)[1] in (b"400", b"404"), (path, answer)
        assert b"policyroute_" not in answer and b"revision" not in answer


async def raw(front: Front, path: str) -> bytes:
    """An operator's request for exactly this path."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=front.trust, server_hostname=NAME)
        head = f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {OPERATOR}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()
        return answer


async def test_names_and_sizes_are_those_of_the_gateway(whole: Whole) -> None:
    async with client(whole.front) as http:
        assert (await http.get("/readyz")).json()["ready"] is True
        assert (await http.get("/v1/models", headers={"host": "elsewhere.example"})).status_code == 421
        assert (await http.post(CHAT, json=chat("ok", said="x" * (24 << 20)))).status_code == 200
        assert (await http.post(CHAT, json=chat("ok", said="x" * (33 << 20)))).status_code == 413


async def test_no_key_is_in_its_logs(
    nginx: str, installed: Installed, place: Place, start: Start, tmp_path: Path
) -> None:
    gateway = start(alone(place.of(unit_command(), installed.prefix, **DESK)))
    front = stand(nginx, start, tmp_path / "nginx", [port(gateway)])
    async with client(front) as http:
        del http.headers["authorization"]
        assert (await http.post(f"{CHAT}?key={APP}", json=chat("ok"))).status_code == 200
        assert gateway.end() == 0
        assert (await http.post(f"{CHAT}?key={APP}", json=chat("ok"))).status_code == 502
        assert (await http.post(f"{CHAT}?key={APP}", content=b"x" * (33 << 20))).status_code == 413
    front.service.tell(signal.SIGQUIT)  # SIGTERM would have it leave before it has written of a body it still drains
    assert front.service.ended() == 0
    assert [line.rpartition('"')[2].split()[0] for line in front.answered()] == ["200", "502", "413"]
    assert APP not in front.logged()


async def test_two_instances_are_restarted_one_by_one_and_no_request_fails(
    nginx: str, installed: Installed, place: Place, start: Start, tmp_path: Path
) -> None:
    def serve(state: str, at: int = 0) -> Service:
        here = replace(place, state=tmp_path / state)
        return start(alone(here.of(unit_command(), installed.prefix, **{**DESK, "8080": at})))

    running = {"one": serve("one"), "two": serve("two")}
    ports = {name: port(gateway) for name, gateway in running.items()}
    front = stand(nginx, start, tmp_path / "nginx", list(ports.values()))
    over = asyncio.Event()

    async def keep_asking() -> list[int]:
        async with client(front) as http:
            told: list[int] = []
            while not over.is_set():
                told.append((await http.post(CHAT, json=chat("ok"))).status_code)
            return told

    asking = [asyncio.create_task(keep_asking()) for _ in range(3)]
    for name, gateway in running.items():
        gateway.tell(signal.SIGTERM)
        assert await asyncio.to_thread(gateway.ended) == 0
        await asyncio.to_thread(serve(name, ports[name]).address)
    over.set()
    assert {status for each in asking for status in await each} == {200}
