"""Who may come in: Litestar's authentication middleware, and a guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult


@dataclass(frozen=True)
class User:
    name: str
    team: str
    tier: str


USERS = {"ann-key": User("ann", "research", "pro"), "bob-key": User("bob", "support", "free")}


class KeyAuth(AbstractAuthenticationMiddleware):
    """Knows users by `Authorization: Bearer`. No key is a guest, an unknown one is refused."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        given = connection.headers.get("authorization")
        user = USERS.get(given.removeprefix("Bearer ")) if given else None
        if given and user is None:
            raise NotAuthorizedException("who are you?", headers={"www-authenticate": "Bearer"})
        return AuthenticationResult(user=user, auth=None)


def signed_in(connection: ASGIConnection[Any, User | None, None, Any], _: BaseRouteHandler) -> None:
    """A guard: nobody but users."""
    if connection.user is None:
        raise NotAuthorizedException("sign in first")
