"""The middleware: LLM paths are answered, everything else reaches the app as it came.

Rule of this module: plain ASGI. What is not ours is handed on with the same scope, receive and send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Unpack

from starlette.types import Message, Receive, Scope, Send

from policyroute.problems import PolicyErrors
from policyroute_asgi.address import Proxies
from policyroute_asgi.door import AppDoor, Expose, check_client, check_expose
from policyroute_asgi.endpoints import Endpoints
from policyroute_asgi.identity import Anonymous, Identify
from policyroute_asgi.router import Router
from policyroute_asgi.service import Options, Policies

App = Callable[..., Awaitable[None]]
"""An ASGI app. Every framework has its own types for what it takes, and no two of them fit each other."""

_ENDINGS = frozenset({"lifespan.startup.failed", "lifespan.shutdown.complete", "lifespan.shutdown.failed"})


class PolicyRouteMiddleware:
    """Puts LLM routing by policy into an ASGI app.

    `policies` is a policy directory, a `PolicyHolder` that somebody else starts and closes, or the app's `Router`.
    `client` is a callable from ASGI scope to client facts (a `Client`, a mapping, or None for 401), sync or async, or
    `ANONYMOUS`. Add it before the app's auth middleware, so that it runs inside. docs/middleware.md has the other
    options.
    """

    def __init__(  # noqa: PLR0913 - the public call: one name for each thing an app may want to say
        self,
        app: App,
        policies: Policies | Router,
        *,
        client: Identify | Anonymous,
        prefix: str = "",
        expose: Expose | None = None,
        trusted_proxies: Iterable[str] = (),
        **options: Unpack[Options],
    ) -> None:
        check_client(client)
        check_expose(expose)
        self.app = app
        self._services = Router.of(policies, options).services
        self._door = AppDoor(client, expose, Proxies(trusted_proxies))
        self._endpoints = Endpoints(prefix, whole=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = scope["type"]
        if kind == "http":
            endpoint = self._endpoints.find(scope)
            if endpoint is not None:
                await self._services.serve(endpoint, self._door, scope, receive, send)
                return
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def aclose(self) -> None:
        """End what runs on this event loop: open exchanges first. A later LLM request starts anew."""
        await self._services.aclose()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start before the app, and end before the server hears that the app has. Where the app has no lifespan, as
        Django has none, it is ours alone."""
        startup = await receive()
        try:
            await self._services.get()
        except PolicyErrors as error:
            await send({"type": "lifespan.startup.failed", "message": f"the policy cannot be used\n{error}"})
            return
        taken = False

        async def given() -> Message:
            nonlocal taken
            if taken:
                return await receive()
            taken = True
            return startup

        async def closing(message: Message) -> None:
            if message["type"] in _ENDINGS:
                await self._services.aclose()
            await send(message)

        try:
            await self.app(scope, given, closing)
        except Exception:  # raised before it took anything, it is an app's way to say that it has no lifespan
            if taken:
                raise
        if not taken:
            await closing({"type": "lifespan.startup.complete"})
            await receive()
            await closing({"type": "lifespan.shutdown.complete"})
