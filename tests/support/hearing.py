"""The vendors' SDKs, hearing a stream of bytes that no server sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anthropic
import httpx
import httpx2
import openai
from google import genai
from google.genai import types
from tests.support.speakers import Ask, Chat, Google, Messages, Responses, Said, Speaker

Hear = Callable[[str, bytes], Awaitable[Said]]
"""Of a dialect: what its SDK makes of a stream."""

_KIND = {"content-type": "text/event-stream"}


@asynccontextmanager
async def hearing() -> AsyncGenerator[Hear]:
    now = b""

    def answered(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=_KIND, content=now)

    def answered_google(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=_KIND, content=now)

    web = httpx2.AsyncClient(transport=httpx2.MockTransport(answered))
    other = httpx.AsyncClient(transport=httpx.MockTransport(answered_google))
    async with web, other:
        vendor = openai.AsyncOpenAI(api_key="k", base_url="http://api.example/v1", http_client=web, max_retries=0)
        options = types.HttpOptions(httpx_async_client=other)
        speakers: dict[str, Speaker] = {
            "openai_chat": Chat(vendor),
            "openai_responses": Responses(vendor),
            "anthropic": Messages(anthropic.AsyncAnthropic(api_key="k", http_client=web, max_retries=0)),
            "gemini": Google(genai.Client(api_key="k", http_options=options).aio.models),
        }

        async def hear(dialect: str, sse: bytes) -> Said:
            nonlocal now
            now = sse
            return await speakers[dialect].streamed("m", Ask("hi"))

        yield hear
