"""The example apps, one per framework: the LLM paths answer an SDK behind the app's own auth, everything else behaves
as if nothing were mounted, and they start and end as their framework does."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, Omit
from tests.examples.conftest import EXAMPLES
from tests.support.asgi import lifespan, serving
from tests.support.canaries import PROMPT
from tests.support.processes import Uvicorn
from websockets.asyncio.client import connect

from policyroute_asgi import PolicyRouteMiddleware
from policyroute_asgi.embedded import EmbeddedProvider

APPS = {
    "fastapi": "fastapi_app.main:app",
    "starlette": "starlette_app.main:app",
    "litestar": "litestar_app.main:app",
    "quart": "quart_app.main:app",
    "django": "django_app.asgi:application",
}
ANN = {"authorization": "Bearer ann-key"}
NOBODY = {"authorization": "Bearer nobodys-key"}
HELLO: Any = [{"role": "user", "content": PROMPT}]
CHAT = "/v1/chat/completions"
ASKED = {"model": "auto", "messages": HELLO}
BROKEN = "version: 1\n"
SLOW = "{version: 1, targets: {slow: {provider: demo, model: slow-100ms}}}"

pytestmark = pytest.mark.anyio
every_app = pytest.mark.parametrize("name", APPS)
Fleet = dict[str, Uvicorn]


@pytest.fixture(scope="module")
def mounted(copied: Callable[[], Path]) -> Generator[Fleet]:
    """Every app as a process, with a slow model beside those of its policy. They start together."""
    folder = copied()
    (folder / "policies" / "slow.yaml").write_text(SLOW)
    started = {name: Uvicorn(folder, target) for name, target in APPS.items()}
    try:
        yield started
    finally:
        assert {name: said for name, process in started.items() if (said := process.trouble())} == {}


@pytest.fixture(scope="module")
async def bare() -> AsyncGenerator[dict[str, str]]:
    """The same apps without the LLM paths: their base URLs."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(serving(app(name, None))) for name in APPS}


def app(name: str, policies: Path | None = EXAMPLES / "policies") -> Any:
    """An app in this process; without the LLM paths where there are no policies."""
    module: Any = import_module(APPS[name].partition(":")[0])
    if name != "django":
        return module.create_app(policies)
    inner = module.django
    return module.KeyAuth(PolicyRouteMiddleware(inner, policies, client=module.who) if policies else inner)


def client(url: str, key: str = "ann-key") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


Seen = tuple[int, list[tuple[bytes, bytes]], bytes]


def seen(answer: httpx.Response, content: bytes | None = None) -> Seen:
    """All that a client can see of an answer, but for the time."""
    headers = [pair for pair in answer.headers.raw if pair[0] not in (b"date", b"allow")]
    allow = ", ".join(sorted(answer.headers.get("allow", "").split(", "))).encode()  # in Quart a set, in any order
    headers.append((b"allow", allow))
    return answer.status_code, headers, answer.content if content is None else content


@every_app
async def test_the_sdk_sees_a_normal_endpoint(mounted: Fleet, name: str) -> None:
    async with client(mounted[name].url) as ann:
        answer = await ann.chat.completions.create(model="auto", messages=HELLO)
        assert answer.choices[0].message.content
        stream = await ann.chat.completions.create(model="auto", messages=HELLO, stream=True)
        text = "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])
        assert text == answer.choices[0].message.content
        assert {"best", "fast"} <= {model.id async for model in ann.models.list()}
        assert (await ann.models.retrieve("best")).id == "best"


@every_app
async def test_the_app_says_who_calls_and_the_policy_decides_by_it(mounted: Fleet, name: str) -> None:
    async with client(mounted[name].url) as ann, client(mounted[name].url, "bob-key") as bob:
        raw = [await who.chat.completions.with_raw_response.create(model="auto", messages=HELLO) for who in (ann, bob)]
        with pytest.raises(openai.APIStatusError) as denied:
            await bob.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x" * 30_000}])
    assert [answer.headers["x-policyroute-target"] for answer in raw] == ["best", "fast"]
    assert (denied.value.status_code, denied.value.code) == (413, "prompt_too_long")


@every_app
async def test_the_apps_auth_guards_the_llm_paths_and_refuses_in_its_own_way(mounted: Fleet, name: str) -> None:
    url = mounted[name].url
    async with client(url, "nobodys-key") as nobody, httpx.AsyncClient(headers=NOBODY) as http:
        with pytest.raises(openai.AuthenticationError) as refused:
            await nobody.chat.completions.create(model="auto", messages=HELLO)
        elsewhere = seen(await http.get(f"{url}/hello/you"))
        assert elsewhere[0] == 401
        assert seen(await http.get(f"{url}/v1/models")) == elsewhere
        told = refused.value.response
        assert (told.status_code, told.content) == (401, elsewhere[2])


@every_app
async def test_whom_the_app_does_not_know_is_told_in_the_callers_dialect(mounted: Fleet, name: str) -> None:
    nameless: Any = {"Authorization": Omit()}
    async with client(mounted[name].url) as guest:
        with pytest.raises(openai.AuthenticationError) as refused:
            await guest.chat.completions.create(model="auto", messages=HELLO, extra_headers=nameless)
    assert refused.value.code == "unauthenticated"


@every_app
async def test_every_llm_path_is_answered(mounted: Fleet, name: str) -> None:
    paths = ["/responses", "/messages", "/messages/count_tokens", "/embeddings", "beta/models/m:generateContent"]
    async with httpx.AsyncClient(base_url=mounted[name].url, headers=ANN) as http:
        for path in paths:
            answer = await http.post(f"/v1{path}", json=ASKED)
            assert "x-policyroute-decision-id" in answer.headers, path


@every_app
async def test_other_routes_are_byte_for_byte_the_same(mounted: Fleet, bare: dict[str, str], name: str) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/", {}),
        ("HEAD", "/", {}),
        ("GET", "/hello/you?x=1", {"headers": ANN}),
        ("GET", "/hello/y%2Fo%20u", {"headers": ANN}),
        ("GET", "/hello/you", {}),
        ("GET", "/hello/you", {"headers": NOBODY}),
        ("POST", "/echo", {"headers": ANN, "content": b"\x00\xff" * 70_000}),
        ("PUT", "/echo", {"headers": ANN}),
        ("GET", "/nowhere", {"headers": ANN}),
        ("GET", "/openapi.json", {"headers": ANN}),
        ("GET", "/schema/openapi.json", {"headers": ANN}),
        ("GET", "/v1/files", {"headers": ANN}),
        ("POST", "/v1/files/a/b/", {"headers": ANN}),
        ("GET", "/metrics", {"headers": ANN}),
    ]
    async with httpx.AsyncClient() as http:
        for method, path, sent in requests:
            answers = [
                seen(await http.request(method, f"{url}{path}", **sent)) for url in (mounted[name].url, bare[name])
            ]
            assert answers[0] == answers[1], (method, path)


@every_app
async def test_server_sent_events_come_one_by_one(mounted: Fleet, bare: dict[str, str], name: str) -> None:
    """The stream has no end: what comes, comes while it is open."""
    answers: list[Seen] = []
    async with httpx.AsyncClient(headers=ANN) as http:
        for url in (mounted[name].url, bare[name]):
            async with http.stream("GET", f"{url}/ticks") as answer:
                lines = answer.aiter_lines()
                first = [line for _ in range(6) if (line := await anext(lines))]
                answers.append(seen(answer, "\n".join(first).encode()))
    assert answers[0] == answers[1]
    assert answers[0][2] == b"data: 1\ndata: 2\ndata: 3"


@pytest.mark.parametrize("name", [name for name in APPS if name != "django"])
async def test_websockets_work(mounted: Fleet, name: str) -> None:
    url = mounted[name].url.replace("http", "ws")
    async with connect(f"{url}/shout", additional_headers=ANN, proxy=None) as socket:
        for text in ("hello", "again"):
            await socket.send(text)
            assert await asyncio.wait_for(socket.recv(), 5) == text.upper()


@every_app
async def test_a_broken_policy_keeps_an_app_from_starting(tmp_path: Path, name: str) -> None:
    (tmp_path / "policy.yaml").write_text(BROKEN)
    with pytest.raises(RuntimeError, match="missing-default"):
        async with lifespan(app(name, tmp_path)):
            pass


def test_and_the_console_says_why(copied: Callable[[], Path]) -> None:
    """Of an app, too, that has no lifespan of its own."""
    folder = copied()
    (folder / "policies" / "policy.yaml").write_text(BROKEN)
    status, said = Uvicorn(folder, APPS["django"]).ended()
    assert status == 3
    assert "missing-default" in said
    assert "Application startup failed" in said


@every_app
def test_without_a_lifespan_an_app_starts_with_the_first_request(tmp_path: Path, name: str) -> None:
    """A broken policy is a 503 until it is mended, on the LLM paths alone. Nobody says when it ends."""
    (tmp_path / "policy.yaml").write_text(BROKEN)
    good = (EXAMPLES / "policies" / "policy.yaml").read_text()

    async def once() -> None:
        async with (
            serving(EmbeddedProvider()) as provider,
            serving(app(name, tmp_path), lifespan="off") as url,
            httpx.AsyncClient(base_url=url, headers=ANN) as http,
        ):
            answer = await http.post(CHAT, json=ASKED)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "policy_unavailable")
            assert (await http.get("/")).json() == {"app": "example"}
            (tmp_path / "policy.yaml").write_text(good.replace('"embedded:"', f"{provider}/v1"))
            assert (await http.post(CHAT, json=ASKED)).json()["model"] == "best-model"

    asyncio.run(once())
    gc.collect()


@every_app
def test_an_app_leaves_nothing_on_its_event_loops(name: str) -> None:
    made = app(name)

    async def once() -> None:
        alone = asyncio.all_tasks()
        async with serving(made) as url, httpx.AsyncClient(base_url=url, headers=ANN) as http:
            assert (await http.post(CHAT, json=ASKED)).status_code == 200
        assert asyncio.all_tasks() == alone

    for _ in range(2):
        asyncio.run(once())


@every_app
async def test_open_streams_run_to_their_end_when_an_app_ends(mounted: Fleet, name: str) -> None:
    """The last test of the apps as processes: it ends them."""
    process = mounted[name]
    async with client(process.url, "bob-key") as bob:
        stream = await bob.chat.completions.create(model="slow", messages=HELLO, stream=True)
        first = await anext(aiter(stream))
        process.terminate()
        rest = [choice async for chunk in stream for choice in chunk.choices]
    assert first.choices[0].finish_reason is None
    assert rest[-1].finish_reason == "stop"
    assert "Application shutdown complete" in process.ended()[1]
