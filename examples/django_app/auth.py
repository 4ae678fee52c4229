"""Who may come in: an authentication backend, asked outside of Django, and `request.user` from what it said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import aauthenticate
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from policyroute import Client

ASGIApp = Callable[..., Awaitable[None]]
Scope = dict[str, Any]


class KeyBackend(BaseBackend):
    """Knows users by an API key. One of your own would ask the database: Django runs it in a thread."""

    def authenticate(self, request: HttpRequest | None, key: str = "", **_: Any) -> User | None:
        name = settings.API_KEYS.get(key)
        return User(username=name) if name else None


class KeyAuth:
    """Puts the user whose `Authorization: Bearer` key it is into the scope. No key is a guest, an unknown one is
    refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            user = await aauthenticate(key=given.removeprefix("Bearer ")) if given else AnonymousUser()
            if user is None:
                refusal = JsonResponse({"error": "who are you?"}, status=401, headers={"WWW-Authenticate": "Bearer"})
                await ASGIHandler().send_response(refusal, send)
                return
            scope["user"] = user
        await self.app(scope, receive, send)


class ScopeUserMiddleware(MiddlewareMixin):
    """Django's own middleware: views find the user where they expect it."""

    def process_request(self, request: HttpRequest) -> None:
        scope: Scope = getattr(request, "scope", {})
        request.user = scope.get("user") or AnonymousUser()


def who(scope: Scope) -> Client | None:
    """What KeyAuth found, in the policy's words. None is a 401."""
    user = scope["user"]
    if not user.is_authenticated:
        return None
    team, tier = settings.PLANS[user.username]
    return Client(id=user.username, tenant="example", team=team, tier=tier)
