"""The way to providers: an httpx transport with aiohttp underneath, or plain httpx, and in-process apps by URL scheme.

Rule of this module: nothing is shared between callers but connections. No cookies (one tenant's would go upstream for
another), no redirects (a key would follow), no netrc (it would replace a provider's key).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
import httpx
from starlette.types import ASGIApp

from policyroute.exchange.payload import Outbound
from policyroute_asgi.aiohttp_transport import AiohttpTransport
from policyroute_asgi.asgi_transport import asgi_transport
from policyroute_asgi.outward import DirectTransport, Incoming, sender


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

    async def send(self, outbound: Outbound, connect: float) -> Incoming:
        chosen = self._senders.get(outbound.url.partition(":")[0].lower(), self._sender)
        return await chosen.send(outbound, connect)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._schemes.get(request.url.scheme, self._outward)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (*self._schemes.values(), self._outward):
            await transport.aclose()


class ProxiedTransport(httpx.AsyncBaseTransport):
    """Chooses the environment's proxy once a host.

    aiohttp's own `trust_env` asks the environment and the netrc file for every request, each in a thread.
    """

    def __init__(
        self, make: Callable[[httpx.Proxy | None], httpx.AsyncBaseTransport], proxies: Mapping[str, httpx.Proxy]
    ) -> None:
        self._direct = make(None)
        self._by_scheme = {scheme: make(proxy) for scheme, proxy in proxies.items()}
        self._by_host: dict[tuple[str, str], httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = (request.url.scheme, request.url.host)
        transport = self._by_host.get(key)
        if transport is None:
            bypassed = proxy_bypass(request.url.netloc.decode("ascii"))
            transport = self._direct if bypassed else self._by_scheme.get(key[0], self._direct)
            self._by_host[key] = transport
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (self._direct, *self._by_scheme.values()):
            await transport.aclose()


def _outward(settings: TransportSettings) -> httpx.AsyncBaseTransport:
    make = _maker(settings)
    proxies = _proxies() if settings.trust_env else {}
    return ProxiedTransport(make, proxies) if proxies else make(None)


def _proxies() -> dict[str, httpx.Proxy]:
    found = getproxies_environment()
    urls = {scheme: found.get(scheme) or found.get("all") for scheme in ("http", "https")}
    return {scheme: _proxy(url) for scheme, url in urls.items() if url}


def _proxy(url: str) -> httpx.Proxy:
    full = url if "://" in url else f"http://{url}"
    scheme = full.partition("://")[0].lower()
    if scheme not in {"http", "https"}:
        # Going around a proxy that somebody has set may be worse than not starting.
        raise ValueError(f"the environment sets a {scheme} proxy; only http and https proxies can be used")
    return httpx.Proxy(full)


def _maker(settings: TransportSettings) -> Callable[[httpx.Proxy | None], httpx.AsyncBaseTransport]:
    context = httpx.create_ssl_context(trust_env=settings.trust_env)
    if settings.kind == "httpx":
        limits = httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_connections,
            keepalive_expiry=settings.keepalive,
        )
        return lambda proxy: httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=context, limit=settings.max_connections, keepalive_timeout=settings.keepalive
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            auto_decompress=False,
        )

    return lambda proxy: AiohttpTransport(session, proxy)
