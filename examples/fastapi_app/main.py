"""A FastAPI app that also answers an OpenAI SDK, by policy.

    uvicorn main:app --app-dir examples/fastapi_app
    curl localhost:8000/v1/chat/completions -H 'authorization: Bearer ann-key' -H 'content-type: application/json' \
         -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'

`middleware` is this app's own module, next to this file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from middleware import BearerAuth, User
from starlette.types import Scope

from policyroute import Client
from policyroute_asgi import PolicyRouteMiddleware

POLICIES = Path(__file__).parent / "policies"
USERS = {"ann-key": User("ann", "research", "pro"), "bob-key": User("bob", "support", "free")}


def who(scope: Scope) -> Client | None:
    """What the app knows of the caller, in the policy's words. None would be a 401."""
    user: User | None = scope["state"]["user"]
    return Client(id=user.name, tenant="example", team=user.team, tier=user.tier) if user else None


def create_app(*, llm: bool = True) -> FastAPI:
    """The app, with the LLM paths or without them."""
    app = FastAPI()
    if llm:
        app.add_middleware(PolicyRouteMiddleware, policies=POLICIES, client=who)
    app.add_middleware(BearerAuth, users=USERS)  # added last: runs first, and guards the LLM paths too
    app.add_api_route("/", home)
    app.add_api_route("/hello/{name}", hello)
    app.add_api_route("/echo", echo, methods=["POST"])
    app.add_api_route("/countdown", countdown)
    app.add_api_websocket_route("/shout", shout)
    return app


async def home() -> dict[str, str]:
    return {"app": "example"}


async def hello(request: Request, name: str) -> dict[str, str]:
    return {"hello": name, "from": request.state.user.name}


async def echo(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def countdown() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for number in range(3, 0, -1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


async def shout(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())


app = create_app()
