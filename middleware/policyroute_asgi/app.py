"""The standalone gateway: LLM paths, operator endpoints, and nothing behind them.

Rule of this module: every path has an answer of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable
from typing import Final, Unpack

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from policyroute.problems import PolicyErrors
from policyroute.request import BadRequest
from policyroute_asgi import lines
from policyroute_asgi.address import Proxies, is_local
from policyroute_asgi.door import AppDoor, Door, Expose, KeyDoor, check_client, check_expose
from policyroute_asgi.endpoints import Endpoints, path_of
from policyroute_asgi.guard import Guard
from policyroute_asgi.handler import NO_POLICY, refuse
from policyroute_asgi.identity import Anonymous, Identify
from policyroute_asgi.metrics import ConnectionCounts
from policyroute_asgi.operator import READING, Operator, Pages, answer
from policyroute_asgi.router import NOT_FOUND, Router
from policyroute_asgi.service import Options, Policies

EXPOSED: Final = (
    "retry-after",
    "x-request-id",
    "x-should-retry",
    *(f"x-policyroute-{name}" for name in ("decision-id", "target", "rule", "revision", "attempts", "adapted")),
)
"""Headers of an answer that scripts of other origins may read."""


class Gateway:
    """A plain ASGI app that is nothing but a gateway. Make it with `gateway`.

    `operator` has this process's pages. Those on numbers and policy are answered by `inside` where that is given.
    """

    def __init__(self, router: Router, door: Door, guard: Guard, prefix: str = "", inside: Pages | None = None) -> None:
        self._services = services = router.services
        self._door = door
        self._guard = guard
        self._serve = _shared_with_pages(self._http, guard.origins)
        self._endpoints = Endpoints(prefix, whole=True)
        self.operator = operator = Operator(
            services.metrics,
            services.status,
            lambda: services.draining,
            services.telemetry.resting.states,
            services.telemetry.quality.rows,
            services.overrides,
        )
        self._pages: Pages = {**operator.probes, **(operator.inside if inside is None else inside)}

    def drain(self) -> None:
        """Shutdown has begun: `/readyz` says 503 from now on, requests are still served."""
        self._services.draining = True

    def end(self) -> None:
        """End open exchanges now, whatever is left of their grace period; their clients are told `shutting_down`."""
        self._services.end()

    def watch_connections(self, counts: ConnectionCounts) -> None:
        """Tell of the server's connections at `/metrics`. Once."""
        self._services.metrics.watch_connections(counts)

    async def aclose(self) -> None:
        """Wait for open exchanges, end them after the grace period, and close everything. The lifespan does this."""
        await self._services.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._guarded(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in self.operator.probes:  # whoever looks after the machine asks by any name
            try:
                self._guard.check(dict(scope["headers"]))
            except BadRequest as error:
                await refuse(scope, receive, send, error, self._endpoints.find(scope))
                return
        await self._serve(scope, receive, send)

    def _http(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        endpoint = self._endpoints.find(scope)
        if endpoint is None:
            return self._other(scope, receive, send)
        return self._services.serve(endpoint, self._door, scope, receive, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._pages.get(path_of(scope))
        if page is None or scope["method"] not in READING:
            await refuse(scope, receive, send, NOT_FOUND)
            return
        try:
            await self._operators_only(scope)
        except BadRequest as error:
            await refuse(scope, receive, send, error)
            return
        await answer(await page(), scope, send)

    async def _operators_only(self, scope: Scope) -> None:
        """Probes are anybody's. The rest is for this machine where the policy has no clients, else for operators.
        Raises BadRequest."""
        if path_of(scope) in self.operator.probes:
            return
        local = is_local(scope, dict(scope["headers"]))
        try:
            service = await self._services.get()
        except PolicyErrors:
            if local:
                return
            raise NO_POLICY from None
        caller = await self._door.caller(scope, service.holder)
        if caller.client.role != "operator" and (caller.match is not None or not local):
            raise BadRequest("not_operator", "This is for clients with the role `operator`.", 403)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._services.get()
        except PolicyErrors as error:
            await send({"type": "lifespan.startup.failed", "message": f"the policy cannot be used\n{error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._services.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def _shared_with_pages(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """The app, with the headers (CORS) that let scripts of these origins read its answers."""
    if not origins:
        return app
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=("GET", "POST"), allow_headers=("*",), expose_headers=EXPOSED
    )


def gateway(  # noqa: PLR0913 - the public call: one name for each thing an operator may want to say
    policies: Policies | Router,
    *,
    client: Identify | Anonymous | None = None,
    prefix: str = "",
    expose: Expose | None = None,
    trusted_proxies: Iterable[str] = (),
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    open_to_all: bool = False,
    inside: Pages | None = None,
    **options: Unpack[Options],
) -> Gateway:
    """A gateway on a policy directory, on a `PolicySource` that somebody else starts and closes, or on a `Router`.

    Every caller is the client `local`, and JSON lines go to standard output, unless `client` and `log` say otherwise.
    docs/gateway.md has the options and endpoints. A broken policy fails the lifespan startup.
    """
    check_expose(expose)
    if client is not None:
        check_client(client)
    proxies = Proxies(trusted_proxies)
    door = KeyDoor(expose, proxies, open_to_all) if client is None else AppDoor(client, expose, proxies)
    guard = Guard(allowed_hosts, allowed_origins)
    return Gateway(Router.of(policies, options, lines.standard_output), door, guard, prefix, inside)
