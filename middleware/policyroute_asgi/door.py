"""A way in: who comes through it, and how much is told to whom.

Rule of this module: who calls is known before anything of a request is read. Where it cannot be known, nobody comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from policyroute.request import BadRequest, Client
from policyroute_asgi import address, identity
from policyroute_asgi.address import Proxies
from policyroute_asgi.identity import Anonymous, Identify

Scope = Mapping[str, Any]
Headers = Mapping[bytes, bytes]
Expose = Literal["none", "id", "full"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    client: Client


class Door(Protocol):
    """`headers` are those of the scope, by lower-case name."""

    async def caller(self, scope: Scope, headers: Headers) -> Caller:
        """Who calls. Raises BadRequest where nobody is to be let in, IdentifyError where the app's code is wrong."""
        ...

    def exposure(self, scope: Scope, headers: Headers) -> Expose: ...


@dataclass(frozen=True, slots=True)
class AppDoor:
    """The app says who calls. `expose` None is `full` to loopback, else `id`."""

    identify: Identify | Anonymous
    expose: Expose | None = None
    proxies: Proxies = field(default_factory=Proxies)

    async def caller(self, scope: Scope, headers: Headers) -> Caller:
        client = await identity.who(self.identify, scope, self.proxies.client(scope))
        if client is None:
            raise BadRequest("unauthenticated", "Who calls is not known here: send the app's credentials.", 401)
        return Caller(client)

    def exposure(self, scope: Scope, headers: Headers) -> Expose:
        return self.expose or _by_place(scope, headers)


@dataclass(frozen=True, slots=True)
class LocalDoor:
    """Everybody is the one tenant of a gateway without clients."""

    expose: Expose | None = None
    proxies: Proxies = field(default_factory=Proxies)

    async def caller(self, scope: Scope, headers: Headers) -> Caller:
        return Caller(Client(address=self.proxies.client(scope)))

    def exposure(self, scope: Scope, headers: Headers) -> Expose:
        return self.expose or _by_place(scope, headers)


def _by_place(scope: Scope, headers: Headers) -> Expose:
    return "full" if address.on_loopback(scope) and not address.is_forwarded(headers) else "id"
