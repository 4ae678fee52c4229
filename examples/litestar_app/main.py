"""A Litestar app that also answers an OpenAI SDK, by policy.

    uvicorn litestar_app.main:app --app-dir examples

Litestar runs an app's middleware after it has found a route, so a middleware sees no path that has none. Here the LLM
paths are a route: an ASGI handler, behind the same auth and guards as every other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, asgi, get, post, websocket_listener
from litestar.exceptions import NotFoundException
from litestar.handlers import ASGIRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath
from litestar.response import ServerSentEvent
from litestar.types import Receive, Scope, Send

from policyroute import Client
from policyroute_asgi import PolicyRouteMiddleware, Router

from .auth import KeyAuth, User, signed_in

POLICIES = Path(__file__).parents[1] / "policies"


def who(scope: Scope) -> Client | None:
    """What the auth middleware found, in the policy's words. None is a 401."""
    user: User | None = scope["user"]
    return Client(id=user.name, tenant="example", team=user.team, tier=user.tier) if user else None


@get("/")
async def home() -> dict[str, str]:
    return {"app": "example"}


@get("/hello/{name:str}", guards=[signed_in])
async def hello(name: FromPath[str], request: Request[User, None, Any]) -> dict[str, str]:
    return {"hello": name, "from": request.user.name}


@post("/echo", guards=[signed_in], status_code=200)
async def echo(request: Request[User, None, Any]) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@get("/ticks", guards=[signed_in])
async def ticks() -> ServerSentEvent:
    async def events() -> AsyncGenerator[int]:
        for number in count(1):
            yield number
            await asyncio.sleep(0.01)

    return ServerSentEvent(events())


@websocket_listener("/shout", guards=[signed_in])
async def shout(data: str) -> str:
    return data.upper()


async def nothing_else(scope: Any, receive: Any, send: Any) -> None:
    """Paths under /v1 that are no LLM paths: Litestar's own 404."""
    raise NotFoundException


def llm_routes(router: Router) -> ASGIRouteHandler:
    """The LLM paths as a mount."""
    policyroute = PolicyRouteMiddleware(nothing_else, router, client=who)

    @asgi("/v1", is_mount=True, copy_scope=True)
    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = "/v1" + scope["path"].rstrip("/")  # Litestar gives a mount what comes after its own path
        await policyroute(scope, receive, send)

    return mount


def create_app(policies: Path | None = POLICIES) -> Litestar:
    """The app; without the LLM paths where there are no policies."""
    router = Router(policies) if policies else None
    return Litestar(
        route_handlers=[home, hello, echo, ticks, shout, *([llm_routes(router)] if router else [])],
        middleware=[DefineMiddleware(KeyAuth)],
        lifespan=[router] if router else [],
    )


app = create_app()
