"""Who calls, and what a request is called.

Rule of this module: who calls is never guessed. The app says so, or writes `ANONYMOUS` out.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from inspect import isawaitable
from typing import Any, Final, cast

from policyroute.redact.known import rejected
from policyroute.request import BadRequest, Client

Scope = Mapping[str, Any]
ClientFacts = Client | Mapping[str, Any]
Identify = Callable[[Any], ClientFacts | Awaitable[ClientFacts | None] | None]
"""From the ASGI scope to who calls, or None for 401. It may be async."""


class Anonymous(Enum):
    ANONYMOUS = "anonymous"


ANONYMOUS: Final = Anonymous.ANONYMOUS
"""`client=ANONYMOUS`: every caller is the client `anonymous` of the tenant `anonymous`."""

_FACTS = tuple(field.name for field in fields(Client))
_GRANTS = ("profiles", "models")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_PRINTABLE = re.compile(rb"[!-~]{1,128}")


class IdentifyError(Exception):
    """The app's `client` callable is wrong. The message has names and types only, and is for the app's author."""


async def who(identify: Identify | Anonymous, scope: Scope, address: str) -> Client | None:
    """The client facts of this request, with the address filled in where they have none; None is a 401.

    Raises BadRequest where the callable refuses the caller with an exception that has a 4xx `status_code`, and
    IdentifyError where it raises anything else or returns what no rule could read, unknown names included.
    """
    if identify is ANONYMOUS:
        return Client(id="anonymous", tenant="anonymous", address=address)
    try:
        found = identify(scope)
        if isawaitable(found):
            found = await found
    except Exception as error:
        raise _refusal(error) or IdentifyError(f"`client` raised {type(error).__name__}") from error
    if isinstance(found, Client):
        _check_known(found.known_values)
    if found is None or isinstance(found, Client):
        return found
    facts: dict[str, Any] = {"address": address, **_checked(found)}
    return Client(**facts)


def _refusal(error: Exception) -> BadRequest | None:
    """Starlette's HTTPException, and whatever looks like it."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or not 400 <= status < 500:
        return None
    detail = getattr(error, "detail", None)
    message = detail if isinstance(detail, str) and detail else "The app does not let this request in."
    return BadRequest("unauthenticated" if status == 401 else "not_admitted", message, status)


def _checked(found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise IdentifyError(f"`client` must return a Client, a mapping or None, not {type(found).__name__}")
    facts = cast("Mapping[object, object]", found)
    grants: dict[str, tuple[str, ...] | None] = {}
    for name, value in facts.items():
        if name not in _FACTS:
            raise IdentifyError(f"`client` returned {_shown(name)}, which is none of {', '.join(_FACTS)}")
        if name == "tags":
            _check_tags(value)
        elif name == "known_values":
            _check_known(value)
        elif name in _GRANTS:
            grants[str(name)] = _grant(str(name), value)
        elif not isinstance(value, str):
            raise IdentifyError(f"`client` returned `{name}` as {type(value).__name__}: it must be a string")
    return {**cast("dict[str, Any]", facts), **grants}


def _check_tags(tags: object) -> None:
    pairs = cast("Mapping[object, object]", tags).items() if isinstance(tags, Mapping) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise IdentifyError("`client` returned `tags` that are no mapping from strings to strings")


def _check_known(values: object) -> None:
    pairs = cast("Mapping[object, object]", values).items() if isinstance(values, Mapping) else [(None, None)]
    for label, value in pairs:
        texts = cast("list[object]", value) if isinstance(value, list | tuple) else [value]
        if not isinstance(label, str) or not all(isinstance(text, str) for text in texts):
            raise IdentifyError(
                "`client` returned `known_values` that are no mapping from labels to strings or lists of strings"
            )
    reason = rejected(cast("Mapping[str, str | Sequence[str]]", values))
    if reason is not None:
        raise IdentifyError(f"`client` returned `known_values` that cannot be looked for: {reason}")


def _grant(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    items = cast("list[object]", value) if isinstance(value, list | tuple) else [None]
    if not all(isinstance(item, str) for item in items):
        raise IdentifyError(f"`client` returned `{name}` that is neither None nor a list of strings")
    return tuple(map(str, items))


def _shown(name: object) -> str:
    """A key of the app's: a name if it looks like one, since it may be anything."""
    return f"`{name}`" if isinstance(name, str) and _NAME.fullmatch(name) else f"a key of type {type(name).__name__}"


def new_id() -> str:
    """32 hex digits: 12 of milliseconds since 1970, so that ids sort by time, and 20 of randomness.

    They tell requests apart and are no secrets: asking the kernel would take longer than a lookup of a key.
    """
    return f"{time.time_ns() // 1_000_000:012x}{random.getrandbits(80):020x}"


def request_id(given: bytes | None, otherwise: str) -> str:
    """The caller's own id where it is short and printable (128 characters of ASCII, no spaces), else `otherwise`."""
    return given.decode() if given and _PRINTABLE.fullmatch(given) else otherwise
