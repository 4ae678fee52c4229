"""A Quart app that also answers an OpenAI SDK, by policy.

uvicorn quart_app.main:app --app-dir examples
QUART_APP=quart_app.main quart run        # in examples/
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

from hypercorn.typing import Scope
from quart import Quart, Response, request, websocket
from quart.typing import ResponseReturnValue

from policyroute import Client
from policyroute_asgi import PolicyRouteMiddleware

from .auth import KeyAuth, User, signed_in, user_of

POLICIES = Path(__file__).parents[1] / "policies"
USERS = {"ann-key": User("ann", "research", "pro"), "bob-key": User("bob", "support", "free")}


def who(scope: Scope) -> Client | None:
    """What KeyAuth found, in the policy's words. None is a 401."""
    user = user_of(scope)
    return Client(id=user.name, tenant="example", team=user.team, tier=user.tier) if user else None


def create_app(policies: Path | None = POLICIES) -> Quart:
    """The app; without the LLM paths where there are no policies."""
    app = Quart(__name__)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/hello/<name>", view_func=hello)
    app.add_url_rule("/echo", view_func=echo, methods=["POST"])
    app.add_url_rule("/ticks", view_func=ticks)
    app.add_websocket("/shout", view_func=shout)
    if policies:
        policyroute = PolicyRouteMiddleware(app.asgi_app, policies=policies, client=who)
        app.asgi_app = policyroute  # type: ignore[method-assign]
        app.after_serving(policyroute.aclose)  # Quart's test_app() has a shutdown, but no lifespan
    app.asgi_app = KeyAuth(app.asgi_app, USERS)  # type: ignore[method-assign]  # wrapped last: runs first
    return app


async def home() -> ResponseReturnValue:
    return {"app": "example"}


@signed_in
async def hello(name: str) -> ResponseReturnValue:
    user = user_of(request.scope)
    return {"hello": name, "from": user.name if user else ""}


@signed_in
async def echo() -> ResponseReturnValue:
    return {"bytes": len(await request.get_data())}


@signed_in
async def ticks() -> ResponseReturnValue:
    async def events() -> AsyncIterator[str]:
        for number in count(1):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    response = Response(events(), mimetype="text/event-stream")
    response.timeout = None  # or Quart ends it after a minute
    return response


async def shout() -> None:
    while True:
        await websocket.send((await websocket.receive()).upper())


app = create_app()
