"""Who may come in: a backend for Starlette's AuthenticationMiddleware."""

from __future__ import annotations

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse


class User(SimpleUser):
    def __init__(self, username: str, team: str, tier: str) -> None:
        super().__init__(username)
        self.team = team
        self.tier = tier


USERS = {"ann-key": User("ann", "research", "pro"), "bob-key": User("bob", "support", "free")}


class KeyBackend(AuthenticationBackend):
    """Knows users by `Authorization: Bearer`. No key is a guest, an unknown one is an error."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, User] | None:
        given = conn.headers.get("authorization")
        if given is None:
            return None
        user = USERS.get(given.removeprefix("Bearer "))
        if user is None:
            raise AuthenticationError("who are you?")
        return AuthCredentials(["authenticated"]), user


def refused(conn: HTTPConnection, error: AuthenticationError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 401, {"www-authenticate": "Bearer"})
