"""A FastAPI app that also answers an OpenAI SDK, by policy.

    uvicorn fastapi_app.main:app --app-dir examples
    curl localhost:8000/v1/chat/completions -H 'authorization: Bearer ann-key' -H 'content-type: application/json' \
         -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.types import Scope

from policyroute import Client
from policyroute_asgi import PolicyRouteMiddleware

from .middleware import BearerAuth, User

POLICIES = Path(__file__).parents[1] / "policies"
USERS = {"ann-key": User("ann", "research", "pro"), "bob-key": User("bob", "support", "free")}


def who(scope: Scope) -> Client | None:
    """What the app knows of the caller, in the policy's words. None is a 401."""
    user: User | None = scope["state"]["user"]
    return Client(id=user.name, tenant="example", team=user.team, tier=user.tier) if user else None


def create_app(policies: Path | None = POLICIES) -> FastAPI:
    """The app; without the LLM paths where there are no policies."""
    app = FastAPI()
    if policies:
        app.add_middleware(PolicyRouteMiddleware, policies=policies, client=who)
    app.add_middleware(BearerAuth, users=USERS)  # added last: runs first, and guards the LLM paths too
    app.add_api_route("/", home)
    app.add_api_route("/hello/{name}", hello)
    app.add_api_route("/echo", echo, methods=["POST"])
    app.add_api_route("/ticks", ticks)
    app.add_api_websocket_route("/shout", shout)
    return app


def signed_in(request: Request) -> User:
    """A dependency: it guards the routes that ask for it. LLM paths are no routes; `who` guards these."""
    user: User | None = request.state.user
    if user is None:
        raise HTTPException(401, "sign in first", {"www-authenticate": "Bearer"})
    return user


SignedIn = Annotated[User, Depends(signed_in)]


async def home() -> dict[str, str]:
    return {"app": "example"}


async def hello(name: str, user: SignedIn) -> dict[str, str]:
    return {"hello": name, "from": user.name}


async def echo(request: Request, user: SignedIn) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def ticks(user: SignedIn) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for number in count(1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


async def shout(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())


app = create_app()
