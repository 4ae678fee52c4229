"""Whether a request was meant for this gateway: the names it may be called by, and the web pages that may call it.

Rule of this module: a browser is somebody else's program on our network. A page that points its own name at our address
(DNS rebinding) is refused by the Host header, one that posts here from elsewhere by the Origin header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

from policyroute.request import BadRequest

ANY: Final = "*"
_REMEMBERED: Final = 1024
_LOOPBACK: Final = "localhost"


class Guard:
    """`hosts` are names besides `localhost` and addresses, which cannot be pointed elsewhere; `*` is every name.

    `origins` are those of web pages that may call (`https://chat.example`); `*` is every one.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        if isinstance(hosts, str) or isinstance(origins, str):
            raise TypeError("allowed_hosts and allowed_origins are lists of names, not one text")
        self.origins = tuple(origin.lower().rstrip("/") for origin in origins)
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._known: dict[bytes, bool] = {}

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """`headers` names are lower-case. Raises BadRequest (421 host_not_allowed, 403 origin_not_allowed).

        A request without a Host is no browser's.
        """
        host = headers.get(b"host")
        if host is not None and not (self._known.get(host) or self._remember(host)):
            raise BadRequest(
                "host_not_allowed", "This gateway is not known by this name: start it with --allowed-host NAME.", 421
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._allows(origin):
            raise BadRequest(
                "origin_not_allowed", "Web pages may not call this gateway: start it with --allowed-origin ORIGIN.", 403
            )

    def _allows(self, origin: bytes) -> bool:
        return ANY in self.origins or origin.decode("latin-1").lower() in self.origins

    def _remember(self, host: bytes) -> bool:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known[host] = self._is_ours(_name(host.decode("latin-1")))
        return found

    def _is_ours(self, name: str) -> bool:
        if not name:
            return False
        if ANY in self._hosts or name in self._hosts or name == _LOOPBACK or name.endswith(f".{_LOOPBACK}"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(host: str) -> str:
    """The host without its port, brackets and last dot; empty where it is none."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        port = port.removeprefix(":") if port else "0"
        return name.lower() if closed and ":" in name and port.isdigit() else ""
    name, colon, port = host.partition(":")
    if colon and not port.isdigit():
        return ""
    return name.lower().rstrip(".")
