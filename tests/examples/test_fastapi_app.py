"""The FastAPI example as a process: its `middleware.py` is its own, its auth guards the LLM paths, and its other routes
behave as if nothing were mounted."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app"
ANN = {"authorization": "Bearer ann-key"}
WITHOUT = "import main; app = main.create_app(llm=False)"

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def process(target: str, *options: str) -> Generator[str]:
    """`uvicorn TARGET` on a free port, in the example's terms; yields its base URL."""
    command = [sys.executable, "-m", "uvicorn", target, "--port", "0", "--no-access-log", *options]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert running.stderr is not None
    try:
        for line in running.stderr:
            if found := re.search(r"running on (http://\S+)", line):
                yield found[1]
                break
        else:
            raise RuntimeError("the example did not start")
    finally:
        running.terminate()
        with running.stderr:
            rest = running.stderr.read()
        running.wait(15)
        assert "Traceback" not in rest


@pytest.fixture(scope="module")
def mounted() -> Generator[str]:
    with process("main:app", "--app-dir", str(EXAMPLE)) as url:
        yield url


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The same app without the LLM paths."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "bare.py").write_text(f"import sys; sys.path.insert(0, {str(EXAMPLE)!r})\n{WITHOUT}\n")
    with process("bare:app", "--app-dir", str(folder)) as url:
        yield url


def client(url: str, key: str = "ann-key") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


async def test_the_sdk_sees_a_normal_endpoint(mounted: str) -> None:
    async with client(mounted) as ann:
        answer = await ann.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hello"}])
        assert answer.choices[0].message.content
        stream = await ann.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        text = "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])
        assert text == answer.choices[0].message.content


async def test_the_app_says_who_calls_and_the_policy_decides_by_it(mounted: str) -> None:
    async with client(mounted) as ann, client(mounted, "bob-key") as bob:
        raw = [
            await who.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "Hello"}]
            )
            for who in (ann, bob)
        ]
        with pytest.raises(openai.APIStatusError) as denied:
            await bob.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x" * 30_000}])
    assert [answer.headers["x-policyroute-target"] for answer in raw] == ["best", "fast"]
    assert (denied.value.status_code, denied.value.code) == (413, "prompt_too_long")


async def test_the_apps_auth_guards_the_llm_paths(mounted: str) -> None:
    async with client(mounted, "nobodys-key") as nobody:
        with pytest.raises(openai.AuthenticationError) as refused:
            await nobody.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hello"}])
        assert refused.value.response.json() == {"detail": "who are you?"}
        with pytest.raises(openai.AuthenticationError):
            await nobody.models.list()


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "/", {}),
        ("GET", "/hello/you?x=1", {"headers": ANN}),
        ("GET", "/hello/you", {}),
        ("POST", "/echo", {"headers": ANN, "content": b"\x00\xff" * 70_000}),
        ("PUT", "/echo", {"headers": ANN}),
        ("GET", "/countdown", {"headers": ANN}),
        ("GET", "/nowhere", {"headers": ANN}),
        ("GET", "/openapi.json", {"headers": ANN}),
        ("GET", "/v1/files", {"headers": ANN}),
        ("GET", "/metrics", {"headers": ANN}),
    ],
)
async def test_other_routes_are_byte_for_byte_the_same(
    mounted: str, bare: str, method: str, path: str, sent: dict[str, Any]
) -> None:
    async with httpx.AsyncClient() as http:
        answers = [await http.request(method, f"{url}{path}", **sent) for url in (mounted, bare)]
    with_it, without = (
        (answer.status_code, [pair for pair in answer.headers.raw if pair[0] != b"date"], answer.content)
        for answer in answers
    )
    assert with_it == without


async def test_server_sent_events_come_one_by_one(mounted: str) -> None:
    async with httpx.AsyncClient() as http, http.stream("GET", f"{mounted}/countdown", headers=ANN) as answer:
        chunks = [chunk async for chunk in answer.aiter_raw()]
    assert chunks == [b"data: 3\n\n", b"data: 2\n\n", b"data: 1\n\n"]


async def test_websockets_work(mounted: str) -> None:
    async with connect(mounted.replace("http", "ws") + "/shout", proxy=None) as socket:
        for text in ("hello", "again"):
            await socket.send(text)
            assert await asyncio.wait_for(socket.recv(), 5) == text.upper()
