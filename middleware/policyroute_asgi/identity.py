"""Who calls, and what a request is called.

Rule of this module: who calls is never guessed. The app says so, or writes `ANONYMOUS` out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from inspect import isawaitable
from typing import Any, Final

from policyroute.request import Client

Scope = Mapping[str, Any]
ClientFacts = Client | Mapping[str, Any]
Identify = Callable[[Any], ClientFacts | Awaitable[ClientFacts | None] | None]
"""From the ASGI scope to who calls, or None for 401. It may be async."""


class Anonymous(Enum):
    ANONYMOUS = "anonymous"


ANONYMOUS: Final = Anonymous.ANONYMOUS
"""`client=ANONYMOUS`: every caller is the client `anonymous` of the tenant `anonymous`."""

_PRINTABLE = re.compile(rb"[!-~]{1,128}")


async def who(identify: Identify | Anonymous, scope: Scope) -> Client | None:
    """The client facts of this request, with the peer's address filled in where they have none; None is a 401.

    Raises TypeError where the app's callable returns something else, unknown names included.
    """
    if identify is ANONYMOUS:
        return Client(id="anonymous", tenant="anonymous", address=peer(scope))
    found = identify(scope)
    if isinstance(found, Client):
        return found
    if isawaitable(found):
        found = await found
    if found is None or isinstance(found, Client):
        return found
    for name, value in found.items():
        if name != "tags" and not isinstance(value, str):
            raise TypeError(f"client facts: `{name}` must be a string, not {type(value).__name__}")
    facts: dict[str, Any] = {"address": peer(scope), **found}
    return Client(**facts)


def local(scope: Scope) -> Client:
    """The one tenant of a gateway without clients."""
    return Client(address=peer(scope))


def peer(scope: Scope) -> str:
    address = scope.get("client")
    return str(address[0]) if address else ""


def on_loopback(scope: Scope) -> bool:
    address = peer(scope)
    return address.startswith("127.") or address == "::1"


def new_id() -> str:
    """32 hex digits: 12 of milliseconds since 1970, so that ids sort by time, and 20 of randomness."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def request_id(given: bytes | None, otherwise: str) -> str:
    """The caller's own id where it is short and printable (128 characters of ASCII, no spaces), else `otherwise`."""
    return given.decode() if given and _PRINTABLE.fullmatch(given) else otherwise
