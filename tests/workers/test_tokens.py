"""Workers and the tokens of accounts: each gets its own, with a secret that only the supervisor read."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.support.asgi import serving
from tests.support.processes import PATIENCE, Gateway
from tests.support.providers import Asked, answer, http, provider
from tests.support.tokens import Endpoint, token, write_account

pytestmark = pytest.mark.anyio
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


async def whole(asked: Asked) -> bool:
    await asked.say(http("200 OK", answer()))
    return True


async def test_each_worker_gets_a_token_once(serve: Callable[..., Gateway], directory: Path) -> None:
    endpoint = Endpoint()
    async with serving(endpoint, ours=False) as url, provider(whole) as vendor:
        write_account(directory, f"{url}/token")
        text = (directory / "main.yaml").read_text()
        account = f'"{vendor.base_url}", api_key: {{google: {{credentials: {{file: sa.json}}}}}}'
        (directory / "main.yaml").write_text(text.replace('"embedded:"', account))
        gateway = serve("--workers", 2, environment={"NO_PROXY": "*"})
        address = await asyncio.to_thread(gateway.url)

        async def ask() -> int:
            async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, trust_env=False) as client:
                return (await client.post("/v1/chat/completions", json=CHAT)).status_code

        async with asyncio.timeout(PATIENCE):
            while len(endpoint.asked) < 2:  # whichever worker answers
                assert await ask() == 200
        assert [await ask() for _ in range(8)] == [200] * 8
        gateway.tell(signal.SIGTERM)
        await asyncio.to_thread(gateway.ended)
    assert len(endpoint.asked) == 2
    assert {asked.headers["authorization"] for asked in vendor.asked} == {f"Bearer {token(n)}" for n in (1, 2)}
