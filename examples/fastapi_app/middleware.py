"""The app's own middleware: who may come in. Policyroute has no part in it, nor any claim on its name."""

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
    """Lets requests with a known `Authorization: Bearer` key through, with the user in the scope's state."""

    def __init__(self, app: ASGIApp, users: Mapping[str, User]) -> None:
        self.app = app
        self.users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        user = self.users.get(key) if scheme.lower() == "bearer" else None
        if user is None and scope["path"] != "/":
            refusal = JSONResponse({"detail": "who are you?"}, 401, {"www-authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user
        await self.app(scope, receive, send)
