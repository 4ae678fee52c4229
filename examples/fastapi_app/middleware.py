"""The app's own middleware: who may come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class User:
    name: str
    team: str
    tier: str


class BearerAuth:
    """Puts the user whose `Authorization: Bearer` key it is into the scope's state, and None where there is no key.
    An unknown key is refused."""

    def __init__(self, app: ASGIApp, users: Mapping[str, User]) -> None:
        self.app = app
        self.users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization")
            user = self.users.get(given.removeprefix("Bearer ")) if given else None
            if given and user is None:
                refusal = JSONResponse({"detail": "who are you?"}, 401, {"www-authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
            scope.setdefault("state", {})["user"] = user
        await self.app(scope, receive, send)
