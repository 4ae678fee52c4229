"""A transport's exceptions as failures, in one table.

Rule of this module: the words are ours. An exception's own text names hosts and ports and never leaves this module.
"""

from __future__ import annotations

import socket
from dataclasses import replace

import aiohttp
import httpx

from policyroute.failures import Failure, FailureKind
from policyroute_asgi.resolving import ForbiddenAddress

TRANSPORT_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, aiohttp.ClientError, OSError)
"""What a transport may raise. httpx_aiohttp, where it is injected, lets some of aiohttp's own through."""

_CONNECT = Failure(FailureKind.TIMEOUT_CONNECT, "No connection to the provider in time.", code="connect_timeout")
_DNS = Failure(FailureKind.UNAVAILABLE, "The provider's name could not be resolved.", code="dns")
_FORBIDDEN = Failure(
    FailureKind.UNAVAILABLE, "The provider's name leads to an address that is not asked.", code="forbidden_address"
)
_TLS = Failure(FailureKind.UNAVAILABLE, "No secure connection to the provider could be made.", code="tls")
_REFUSED = Failure(FailureKind.UNAVAILABLE, "The provider could not be reached.", code="connect_error")
_PROXY = Failure(FailureKind.UNAVAILABLE, "The proxy to the provider failed.", code="proxy_error")
_SILENT = Failure(FailureKind.TIMEOUT_TTFT, "The provider did not answer in time.", code="read_timeout")
_URL = Failure(FailureKind.UNAVAILABLE, "The provider's URL cannot be used.", code="invalid_url")
_GARBAGE = Failure(FailureKind.UNAVAILABLE, "The provider did not answer in HTTP.", code="protocol_error")
_CODED = Failure(FailureKind.UNAVAILABLE, "The provider's answer cannot be decompressed.", code="content_encoding")
_CLOSED = Failure(FailureKind.UNAVAILABLE, "The provider closed the connection without an answer.", code="disconnected")

_TABLE: tuple[tuple[tuple[type[BaseException], ...], Failure], ...] = (
    # First match wins: the narrow ones come first.
    ((aiohttp.ConnectionTimeoutError,), _CONNECT),
    ((aiohttp.ServerTimeoutError,), _SILENT),
    ((ForbiddenAddress,), _FORBIDDEN),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), _DNS),
    ((aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch), _TLS),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), _PROXY),
    ((aiohttp.ClientConnectorError,), _REFUSED),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), _URL),
    ((aiohttp.ClientResponseError,), _GARBAGE),
    ((aiohttp.ClientError,), _CLOSED),
    ((httpx.DecodingError,), _CODED),
    ((httpx.ConnectTimeout, httpx.PoolTimeout), _CONNECT),
    ((httpx.TimeoutException,), _SILENT),
    ((httpx.ProxyError,), _PROXY),
    ((httpx.ConnectError,), _REFUSED),
    ((httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError), _URL),
)


_UNREACHED = frozenset(each.code for each in (_CONNECT, _DNS, _FORBIDDEN, _TLS, _REFUSED, _PROXY, _URL))


def is_reached(failure: Failure) -> bool:
    """Whether there was a connection to the provider."""
    return failure.status is not None or failure.code not in _UNREACHED


def failure_of(error: BaseException, *, answered: bool) -> Failure:
    """What a transport's exception means. `answered`: the provider's answer had begun."""
    # aiohttp's own exception says more than its translation. httpx_aiohttp 0.2 even calls every ClientConnectionError
    # a ConnectTimeout: a refused connection, and one that the server dropped.
    origin = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    if isinstance(origin, aiohttp.ClientConnectorDNSError) and isinstance(origin.os_error, ForbiddenAddress):
        origin = origin.os_error
    found = next((failure for types, failure in _TABLE if isinstance(origin, types)), _CLOSED)
    if not answered or found is _CODED:
        return found
    if found.kind is FailureKind.TIMEOUT_TTFT:
        return replace(found, kind=FailureKind.TIMEOUT_IDLE)
    return Failure(FailureKind.STREAM_BROKEN, "The provider's connection broke in the middle of the answer.")
