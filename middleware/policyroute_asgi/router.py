"""The engine as an app has it: one policy, one set of connections, whatever ways in.

Rule of this module: an app's own calls obey what its callers do. They go through the same handler, without a socket.
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import httpx
from starlette.types import Receive, Scope, Send

from policyroute.problems import PolicyErrors
from policyroute.request import BadRequest, Client
from policyroute_asgi import lines
from policyroute_asgi.asgi_transport import asgi_transport
from policyroute_asgi.door import AppDoor, Door
from policyroute_asgi.endpoints import Endpoints
from policyroute_asgi.handler import NO_POLICY, refuse
from policyroute_asgi.identity import Anonymous, ClientFacts, Identify
from policyroute_asgi.lines import Sink
from policyroute_asgi.service import Options, Policies, Service, Services

if TYPE_CHECKING:
    import httpx2

Who = ClientFacts | Identify | Anonymous
"""Who calls, said once or asked for each request."""

_SETTINGS: Final[dict[str, Any]] = {"timeout": None, "trust_env": False}

NOT_FOUND = BadRequest(
    "not_found", "There is no such path here. POST /v1/chat/completions is the one for requests.", 404
)


class Router:
    """Routes by the policies of a directory. `PolicyRouteMiddleware(app, router, ...)` serves an app's callers with it,
    and `http_client` its own SDK calls.

    It starts with the first request, on each event loop anew; `aclose` (or `async with`) ends what runs on this one.
    docs/middleware.md has the options.
    """

    def __init__(self, policies: Policies, **options: Unpack[Options]) -> None:
        self._services = Services(policies, lines.logger("policyroute.requests"), options)

    @classmethod
    def of(cls, policies: Policies | Router, options: Options, log: Sink | None = None) -> Router:
        """This router, or a new one with these options. `log` stands where the options name none. Raises TypeError for
        options beside a router, which has its own."""
        if not isinstance(policies, Router):
            if log is not None:
                options = {"log": log, **options}
            return cls(policies, **options)
        if options:
            raise TypeError(f"give {', '.join(options)} to the Router, which has them for all its ways in")
        return policies

    @property
    def services(self) -> Services:
        """What runs on each event loop."""
        return self._services

    async def get(self) -> Service:
        """This event loop's service, started if need be. Raises PolicyErrors where there is no policy to serve."""
        return await self._services.get()

    def http_client(self, *, client: Who, **settings: Any) -> httpx.AsyncClient:
        """An HTTP client for an SDK: its requests to LLM paths, of whatever host, are routed by the policies, without a
        socket, and their answers come event by event. All other paths are 404.

        `client` is who calls: facts, a callable from ASGI scope to facts (asked for each request), or `ANONYMOUS`.
        `settings` are those of `AsyncClient`; without a `timeout` among them the policies' limits are the only ones.
        Closing it closes its own requests only.
        """
        return httpx.AsyncClient(transport=self._transport(client, httpx), **{**_SETTINGS, **settings})

    def httpx2_client(self, *, client: Who, **settings: Any) -> httpx2.AsyncClient:
        """The same for SDKs that rest on httpx2, httpx's successor. Raises ImportError where that is not installed."""
        library: Any = importlib.import_module("httpx2")
        made: httpx2.AsyncClient = library.AsyncClient(
            transport=self._transport(client, library), **{**_SETTINGS, **settings}
        )
        return made

    def _transport(self, client: Who, library: Any) -> Any:
        door = AppDoor(_identify(client), "full", credential_free=not callable(client))
        return asgi_transport(_InProcess(self, door), library)

    async def aclose(self) -> None:
        """End what runs on this event loop: open requests first. A later one starts anew."""
        await self._services.aclose()

    async def __aenter__(self) -> Self:
        await self.get()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _InProcess:
    """The LLM paths as an ASGI app, for callers in this process."""

    def __init__(self, router: Router, door: Door) -> None:
        self._router = router
        self._door = door
        self._endpoints = Endpoints("", whole=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.find(scope)
        if endpoint is None:
            await refuse(scope, receive, send, NOT_FOUND)
            return
        try:
            service = await self._router.get()
        except PolicyErrors:
            await refuse(scope, receive, send, NO_POLICY, endpoint)
            return
        await service.handler.serve(endpoint, self._door, scope, receive, send)


def _identify(client: Who) -> Identify | Anonymous:
    if isinstance(client, Anonymous) or callable(client):
        return client
    facts = client
    if not isinstance(facts, Client):
        facts = dict(facts)
    return lambda scope: facts
