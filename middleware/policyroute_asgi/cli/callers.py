"""The options of `serve` that say who may call from where: names, web pages, proxies.

Rule of this module: what could never match anybody is misuse, said before anything starts.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from policyroute_asgi.cli import Options
from policyroute_asgi.guard import ANY

_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+/?", re.IGNORECASE)
_UNSAID: Final = {"http": 80, "https": 443}
"""Ports that browsers leave out of an origin."""


def options(group: Options) -> None:
    group.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        type=host,
        metavar="NAME",
        help="a name this gateway is called by, besides localhost and addresses; * for any (repeat for more)",
    )
    group.add_argument(
        "--allowed-origin",
        action="append",
        default=[],
        type=origin,
        metavar="ORIGIN",
        help="web pages of this origin may call, such as https://chat.example; * for all (repeat for more)",
    )
    group.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        type=network,
        metavar="NETWORK",
        help="believe X-Forwarded-For of proxies at this address or network (repeat for more)",
    )


def host(given: str) -> str:
    if given != ANY and not _NAME.fullmatch(given):
        raise argparse.ArgumentTypeError(f"{given!r} is no host name: write it without scheme and port, or * for any")
    return given


def origin(given: str) -> str:
    if given != ANY and not _is_origin(given):
        raise argparse.ArgumentTypeError(
            f"{given!r} is no origin: write scheme, host and port as browsers do, such as https://chat.example, or *"
        )
    return given


def network(given: str) -> str:
    try:
        ipaddress.ip_network(given, strict=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is neither an address nor a network such as 10.0.0.0/8") from None
    return given


def _is_origin(given: str) -> bool:
    if not given.isascii() or not _ORIGIN.fullmatch(given):
        return False
    try:
        parts = urlsplit(given)
        return bool(parts.hostname) and (parts.port is None or parts.port != _UNSAID.get(parts.scheme))
    except ValueError:
        return False
