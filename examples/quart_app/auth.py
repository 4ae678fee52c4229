"""Who may come in: ASGI middleware, as Quart's documentation shows it, and a decorator for views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import abort, request
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import Authorization


@dataclass(frozen=True)
class User:
    name: str
    team: str
    tier: str


ASGIApp = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]
View = Callable[..., Awaitable[ResponseReturnValue]]


class KeyAuth:
    """Puts the user whose `Authorization: Bearer` key it is into the scope. No key is a guest, an unknown one is
    refused."""

    def __init__(self, app: ASGIApp, users: Mapping[str, User]) -> None:
        self.app = app
        self.users = users

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            given = Authorization.from_header(headers.get(b"authorization", b"").decode("latin-1"))
            user = self.users.get(given.token or "") if given else None
            if given and user is None:
                await self.refuse(send)
                return
            cast("dict[str, Any]", scope)["user"] = user
        await self.app(scope, receive, send)

    async def refuse(self, send: ASGISendCallable) -> None:
        headers = [(b"content-length", b"0"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def user_of(scope: Scope) -> User | None:
    """The user that KeyAuth put there."""
    return cast("dict[str, Any]", scope).get("user")


def signed_in(view: View) -> View:
    """A view for users only."""

    @wraps(view)
    async def guarded(*args: Any, **named: Any) -> ResponseReturnValue:
        if user_of(request.scope) is None:
            abort(401)
        return await view(*args, **named)

    return guarded
