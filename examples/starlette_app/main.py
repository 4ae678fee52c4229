"""A Starlette app that also answers an OpenAI SDK, by policy.

uvicorn starlette_app.main:app --app-dir examples
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from policyroute import Client
from policyroute_asgi import PolicyRouteMiddleware

from .auth import KeyBackend, User, refused

POLICIES = Path(__file__).parents[1] / "policies"


def who(scope: Scope) -> Client | None:
    """What AuthenticationMiddleware found, in the policy's words. None is a 401."""
    user = scope["user"]
    return (
        Client(id=user.username, tenant="example", team=user.team, tier=user.tier) if isinstance(user, User) else None
    )


async def home(request: Request) -> JSONResponse:
    return JSONResponse({"app": "example"})


@requires("authenticated", status_code=401)
async def hello(request: Request) -> JSONResponse:
    return JSONResponse({"hello": request.path_params["name"], "from": request.user.display_name})


@requires("authenticated", status_code=401)
async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


@requires("authenticated", status_code=401)
async def ticks(request: Request) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for number in count(1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


@requires("authenticated")
async def shout(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


def create_app(policies: Path | None = POLICIES) -> Starlette:
    """The app; without the LLM paths where there are no policies."""
    middleware = [Middleware(AuthenticationMiddleware, backend=KeyBackend(), on_error=refused)]
    if policies:  # the list runs from first to last: after auth
        middleware.append(Middleware(PolicyRouteMiddleware, policies=policies, client=who))
    routes = [
        Route("/", home),
        Route("/hello/{name}", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/ticks", ticks),
        WebSocketRoute("/shout", shout),
    ]
    return Starlette(routes=routes, middleware=middleware)


app = create_app()
