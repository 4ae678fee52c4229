"""A way in: who comes through it, and how much is told to whom.

Rule of this module: who calls is known before anything of a request is read. Where it cannot be known, nobody comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol, get_args

from policyroute.request import BadRequest, Client
from policyroute_asgi import address, credentials, identity
from policyroute_asgi.activation import PolicySource, admitted
from policyroute_asgi.address import Proxies
from policyroute_asgi.identity import ANONYMOUS, Anonymous, Identify, Scope
from policyroute_asgi.keyring import KeyMatch

Expose = Literal["none", "id", "full"]
_EXPOSED: Final = (None, *get_args(Expose))
_REMEMBERED: Final = 1024
_Known = tuple[KeyMatch | None, str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `match` is how the policy knows it, None where somebody else does. `credential_free`: what
    SDKs send as their key does not say who it is, so that it may be a provider's (`api_key: from_client`)."""

    client: Client
    match: KeyMatch | None = None
    credential_free: bool = False


def check_expose(expose: object) -> None:
    """Raises ValueError for what an app or operator cannot mean."""
    if expose not in _EXPOSED:
        raise ValueError(f"expose must be none, id or full, or None for what fits the place, not {expose!r}")


def check_client(client: object) -> None:
    """Raises TypeError for what cannot say who calls."""
    if client is not ANONYMOUS and not callable(client):
        raise TypeError("client must be a callable from ASGI scope to client facts, or ANONYMOUS")


class Door(Protocol):
    @property
    def expose(self) -> Expose | None:
        """None is `full` to this machine, else `id`."""
        ...

    async def caller(self, scope: Scope, source: PolicySource) -> Caller:
        """Who calls. Raises BadRequest where nobody is to be let in, IdentifyError where the app's code is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class AppDoor:
    """The app says who calls. `credential_free`: it does not say so by the request's credential."""

    identify: Identify | Anonymous
    expose: Expose | None = None
    proxies: Proxies = field(default_factory=Proxies)
    credential_free: bool = False

    async def caller(self, scope: Scope, source: PolicySource) -> Caller:
        client = await identity.who(self.identify, scope, self.proxies.client(scope))
        if client is None:
            raise BadRequest("unauthenticated", "Who calls is not known here: send the app's credentials.", 401)
        return Caller(client, credential_free=self.credential_free or self.identify is ANONYMOUS)


@dataclass(frozen=True, slots=True)
class KeyDoor:
    """The policy's `clients` say who calls, by the key that is sent. Where there are none, everybody on loopback is the
    one tenant `local`, and with `open_to_all` everybody else too."""

    expose: Expose | None = None
    proxies: Proxies = field(default_factory=Proxies)
    open_to_all: bool = False
    _known: dict[_Known, Caller] = field(default_factory=dict[_Known, Caller], repr=False)

    async def caller(self, scope: Scope, source: PolicySource) -> Caller:
        where = self.proxies.client(scope)
        if not source.current.policy.program.clients:
            if not (self.open_to_all or address.is_local(scope, dict(scope["headers"]))):
                raise BadRequest("unauthenticated", "Without `clients` this gateway serves its own machine only.", 401)
            return self._known.get((None, where)) or self._remember(None, where)
        key = credentials.presented(scope["headers"], scope["query_string"])
        match = admitted(source, key) if key else None
        if match is None:
            raise credentials.unknown()
        return self._known.get((match, where)) or self._remember(match, where)

    def _remember(self, match: KeyMatch | None, where: str) -> Caller:
        """To make a caller's facts takes longer than to find out who it is."""
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        facts = Client() if match is None else match.client.facts
        found = Caller(replace(facts, address=where), match, credential_free=match is None)
        self._known[match, where] = found
        return found


def exposure(door: Door, scope: Scope, headers: Mapping[bytes, bytes]) -> Expose:
    """How much is told to whoever sent this. `headers` are those of the scope, by lower-case name."""
    return door.expose or ("full" if address.is_local(scope, headers) else "id")
