"""Where a request comes from: the peer's address, or what proxies that are trusted say of it.

Rule of this module: `X-Forwarded-For` is anybody's text. It is read from the right, as far as trusted proxies wrote it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

_FORWARDED: Final = (b"forwarded", b"x-forwarded-for")
_MOST: Final = 32
"""Entries that are looked at: no way here has more proxies."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def peer(scope: Mapping[str, Any]) -> str:
    """The address at the other end of the connection, or empty."""
    address = scope.get("client")
    return str(address[0]) if address else ""


def on_loopback(scope: Mapping[str, Any]) -> bool:
    address = peer(scope)
    return address.startswith("127.") or address == "::1"


def is_local(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
    """Whether it comes from this machine, and not through a proxy on it. `headers` names are lower-case."""
    return on_loopback(scope) and not any(name in headers for name in _FORWARDED)


class Proxies:
    """The proxies whose word counts, as addresses or networks (`10.0.0.0/8`). Raises ValueError for anything else."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        if isinstance(trusted, str):
            raise TypeError("trusted_proxies is a list of addresses or networks, not one text")
        self._trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted)

    def client(self, scope: Mapping[str, Any]) -> str:
        """The address the request came from, as text; empty where it is not known."""
        address = peer(scope)
        if not self._trusted:
            return address
        at = _read(address)
        if at is None or not self._trusts(at):
            return address
        for hop in _hops(scope["headers"]):
            at = _read(hop)
            if at is None:
                return address  # a proxy of ours does not write this: nobody knows who did
            address = str(at)
            if not self._trusts(at):
                break
        return address

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The last entries of all `X-Forwarded-For` headers, the nearest first."""
    said = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    return [hop.strip() for hop in said.decode("latin-1").split(",")[-_MOST:][::-1]] if said else []


def _read(text: str) -> Address | None:
    """`192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
