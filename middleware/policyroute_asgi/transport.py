"""The way to providers: an httpx transport with aiohttp underneath, or plain httpx, and in-process apps by URL scheme.

Rule of this module: nothing is shared between callers but connections. No cookies (one tenant's would go upstream for
another), no redirects (a key would follow), no netrc (it would replace a provider's key).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
import httpx
from starlette.types import ASGIApp

from policyroute.exchange.payload import Outbound
from policyroute_asgi.aiohttp_transport import AiohttpTransport
from policyroute_asgi.aiohttp_wire import Connector
from policyroute_asgi.asgi_transport import asgi_transport
from policyroute_asgi.httpx_transport import HttpxTransport
from policyroute_asgi.outward import READ, DirectTransport, Incoming, connected, connection_of, sender
from policyroute_asgi.provider_connections import PLAIN, Connection, Contexts
from policyroute_asgi.resolving import GuardedResolver


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """`keepalive` is how long an idle connection is kept, seconds: less than what providers and their balancers do.

    `trust_env` honours HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE, as they are at the start.
    """

    kind: Literal["aiohttp", "httpx"] = "aiohttp"
    max_connections: int = 1000
    keepalive: float = 20.0
    trust_env: bool = True


def provider_transport(
    settings: TransportSettings | None = None, *, apps: Mapping[str, ASGIApp] | None = None
) -> httpx.AsyncBaseTransport:
    """The transport of one gateway. `apps` serve URL schemes in process: `{"embedded": app}` answers `embedded:`.

    May be made before there is an event loop; belongs to the loop of its first request; `aclose` it there. Raises
    ValueError for a proxy in the environment that cannot be used.
    """
    settings = settings or TransportSettings()
    return SchemeRouter(_outward(settings), {scheme: asgi_transport(app) for scheme, app in (apps or {}).items()})


class SchemeRouter(DirectTransport):
    """Some URL schemes to transports of their own, every other to `outward`."""

    def __init__(self, outward: httpx.AsyncBaseTransport, schemes: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        self._outward = outward
        self._schemes = schemes
        self._sender = sender(outward)
        self._senders = {scheme: sender(transport) for scheme, transport in schemes.items()}

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        chosen = self._senders.get(outbound.url.partition(":")[0].lower(), self._sender)
        return await chosen.send(outbound, connect, connection)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._schemes.get(request.url.scheme, self._outward)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (*self._schemes.values(), self._outward):
            await transport.aclose()


class ByEnvironment(DirectTransport):
    """Adds the environment's proxy where a provider has no setting of its own; it is chosen once a host.

    aiohttp's own `trust_env` asks the environment and the netrc file for every request, each in a thread.
    """

    def __init__(self, outward: httpx.AsyncBaseTransport, proxies: Mapping[str, Connection]) -> None:
        self._outward = outward
        self._sender = sender(outward)
        self._by_scheme = proxies
        self._by_host: dict[str, Connection] = {}

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        host = outbound.url.partition("?")[0].split("/", 3)[:3]
        return await self._sender.send(outbound, connect, self._way("/".join(host), connection))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        way = self._way(host, connection_of(request))
        return await self._outward.handle_async_request(connected(request, way))

    async def aclose(self) -> None:
        await self._outward.aclose()

    def _way(self, host: str, own: Connection | None) -> Connection:
        if own is not None and own.proxy is not None:
            return own
        usual = self._by_host.get(host)
        if usual is None:
            scheme, _, netloc = host.partition("://")
            usual = PLAIN if proxy_bypass(netloc) else self._by_scheme.get(scheme.lower(), PLAIN)
            self._by_host[host] = usual
        return usual if own is None else replace(own, proxy=usual.proxy, proxy_auth=usual.proxy_auth)


def _outward(settings: TransportSettings) -> httpx.AsyncBaseTransport:
    made = _made(settings)
    proxies = _proxies() if settings.trust_env else {}
    return ByEnvironment(made, proxies) if proxies else made


def _proxies() -> dict[str, Connection]:
    found = getproxies_environment()
    urls = {scheme: found.get(scheme) or found.get("all") for scheme in ("http", "https")}
    return {scheme: _proxy(url) for scheme, url in urls.items() if url}


def _proxy(url: str) -> Connection:
    full = url if "://" in url else f"http://{url}"
    scheme = full.partition("://")[0].lower()
    if scheme not in {"http", "https"}:
        # Going around a proxy that somebody has set may be worse than not starting.
        raise ValueError(f"the environment sets a {scheme} proxy; only http and https proxies can be used")
    proxy = httpx.Proxy(full)
    return Connection(proxy=str(proxy.url), proxy_auth=":".join(proxy.auth) if proxy.auth else None)


def _made(settings: TransportSettings) -> httpx.AsyncBaseTransport:
    contexts = Contexts(trust_env=settings.trust_env)
    if settings.kind == "httpx":
        limits = httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_connections,
            keepalive_expiry=settings.keepalive,
        )
        return HttpxTransport(contexts, limits)

    def session() -> aiohttp.ClientSession:
        connector = Connector(
            ssl=contexts.usual,
            limit=settings.max_connections,
            keepalive_timeout=settings.keepalive,
            resolver=GuardedResolver(),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            auto_decompress=False,
            read_bufsize=READ,
        )

    return AiohttpTransport(session, contexts)
