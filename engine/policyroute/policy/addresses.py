"""Addresses as authors write them: which are too open for a key, and which no request may go to at all.

Rule of this module: a host is what a resolver makes of it. `2852039166` and `0xa9.254.43518` are 169.254.169.254.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_EXAMPLE: Final = "an address such as https://api.openai.com/v1"
_SECURE: Final = "use https, or write `insecure: true` beside it"
_PROXY: Final = "write http://host:port, or none"
_METADATA: Final = "these belong to the machine itself: clouds hand out its credentials there"

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")

_API_VERSION: Final = re.compile(r"api-version=[\w.-]{1,64}", re.ASCII)
"""What Azure asks for in the query of every request. Anything else could be a secret."""

Trouble = tuple[str, str, str]
"""Code, message and hint of a problem."""


def base_url_trouble(url: str, *, insecure: bool) -> Trouble | None:
    """What is wrong with the base address of a provider. `insecure`: the author allows plain http anywhere."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    if parts is not None and (parts.username is not None or parts.password is not None):
        return "literal-secret", "a secret is not written into a policy", "take it out of the address: use api_key"
    if parts is None or parts.scheme not in ("http", "https") or not _plain(url, host):
        return "bad-url", "not an http or https address", _EXAMPLE
    if parts.fragment or (parts.query and not _API_VERSION.fullmatch(parts.query)):
        return "bad-url", "a base address ends before `?` and `#`, but for `?api-version=`", _EXAMPLE
    if link_local(host):
        return "forbidden-address", "a link-local address is no provider", _METADATA
    if parts.scheme == "http" and not insecure and not _loopback(host):
        return "insecure-url", "plain http to another host: keys and prompts could be read on the way", _SECURE
    return None


def proxy_trouble(url: str) -> Trouble | None:
    """What is wrong with the address of a proxy."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    if parts is None or not _plain(url, host):
        return "bad-url", "not the address of a proxy", _PROXY
    if parts.username is not None or parts.password is not None:
        hint = "take it out of the address: use proxy_auth"
        return "literal-secret", "a secret is not written into a policy", hint
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.fragment:
        return "bad-url", "not the address of an http proxy", _PROXY
    if link_local(host):
        return "forbidden-address", "a link-local address is no proxy", _METADATA
    return None


def origin(url: str) -> str:
    """Scheme, host and port: whose the requests to this address are."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname or ''}:{port}" if port else url


def link_local(host: str) -> bool:
    """Whether this is a literal link-local address, in whatever spelling. Names are none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        found = _numeric(host)
        return found is not None and found.is_link_local
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        return address.is_link_local or (inner is not None and inner.is_link_local)
    return address.is_link_local


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that this one leads to."""
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _numeric(host: str) -> ipaddress.IPv4Address | None:
    """IPv4 as `inet_aton` reads it: up to four numbers, decimal, octal or hexadecimal, the last filling the rest."""
    try:
        *first, last = [_number(part) for part in host.removesuffix(".").split(".")]
    except ValueError:
        return None
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return None
    whole = sum(number << (24 - 8 * place) for place, number in enumerate(first))
    return ipaddress.IPv4Address(whole + last)


def _number(part: str) -> int:
    """Raises ValueError."""
    if not part.isascii() or not part.isalnum() or len(part) > 40:
        raise ValueError
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what checks it)
    except ValueError:
        return None
    return parts


def _plain(url: str, host: str) -> bool:
    """Nothing in it that two readers may read in two ways. A `%` in an IPv6 host names an interface."""
    escaped = "%" in host and ":" not in host
    return bool(host) and url.isascii() and url.isprintable() and not escaped and not set(url) & set(" \\")


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
