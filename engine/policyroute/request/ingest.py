"""From what a transport hands over to facts: body, headers and query, before any dialect is asked.

Rule of this module: what identifies the caller stays out of the facts, so no rule, record or provider can see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import orjson

from policyroute.request.values import BadRequest

MAX_DEPTH: Final = 64
"""How deep arrays and objects of a request may nest. Deeper ones are refused before anything walks them."""

MOST_BRACKETS: Final = 250_000
MOST_COMMAS: Final = 1_000_000
"""`[`, `{` and `,` in the bytes of a body, texts included. Two bytes of JSON may take a hundred of memory, so that one
body could take a gigabyte and seconds. A prompt that fits a model has less."""

CREDENTIAL_HEADERS: Final = frozenset(
    "authorization proxy-authorization x-api-key x-goog-api-key api-key x-portkey-api-key x-provider-key cookie".split()
)
"""Headers that identify the caller, to us or to a provider."""

_MAX_ID: Final = 256

_SESSION_HEADERS: Final = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "x-session-id",
    "x-session-affinity",
    "x-opencode-session",
    "x-litellm-session-id",
    "helicone-session-id",
)
"""What well-known clients, and clients of well-known gateways, say their session by: Claude Code, Codex (today, and
before), OpenRouter's and opencode, opencode again, LiteLLM's, Helicone's. docs/sessions.md has them for its readers."""


def json_object(body: bytes) -> dict[str, Any]:
    if len(body) > MOST_BRACKETS and _too_many(body):
        limits = f"{MOST_BRACKETS:,} brackets or {MOST_COMMAS:,} commas"
        raise BadRequest("too_many_values", f"The body has more than {limits}.")
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The decoder's message carries no text of the body, only what it expected and where.
        raise BadRequest("invalid_json", f"The body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("invalid_json", "The body must be a JSON object.")
    if (_many(b"{", body) or _many(b"[", body)) and _too_deep(data):
        raise BadRequest("too_deep", f"The body nests deeper than {MAX_DEPTH} levels.")
    return cast("dict[str, Any]", data)


def _too_many(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > MOST_BRACKETS or body.count(b",") > MOST_COMMAS


def _many(bracket: bytes, body: bytes) -> bool:
    """Whether it is there more than half as often as may be nested. To count them all takes as long as to parse."""
    at = -1
    for _ in range(MAX_DEPTH // 2 + 1):
        at = body.find(bracket, at + 1)
        if at < 0:
            return False
    return True


def _too_deep(data: Any) -> bool:
    """Level by level, so that depth costs no stack."""
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        level = [item for holder in level for item in _inside(holder) if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _inside(holder: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def facts_of_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    # Asked in this order: whether something is a mapping takes longer than all the rest.
    if isinstance(headers, list) or not isinstance(headers, Mapping):
        pairs = cast("Iterable[tuple[str, str]]", headers)
    else:
        pairs = cast("Mapping[str, str]", headers).items()
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key not in CREDENTIAL_HEADERS:
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def facts_of_query(query: str | bytes | Mapping[str, str]) -> dict[str, str]:
    if not query:
        return {}
    if isinstance(query, Mapping):
        found = dict(query)
    else:
        text = query.decode("latin-1") if isinstance(query, bytes) else query
        found = dict(parse_qsl(text, keep_blank_values=True))
    found.pop("key", None)  # a Gemini client's API key
    return found


def conversation_of(headers: dict[str, str], in_body: str) -> str:
    """The name of the conversation: our own header's, else that of a header which others have for it, else `in_body`.
    Only our own has to be right: nobody who sends another's knows that it is read here."""
    name = headers.get("x-conversation-id", "")
    if name:
        if not _is_name(name):
            raise BadRequest(
                "invalid_conversation_id", f"X-Conversation-ID must be printable, {_MAX_ID} characters at most."
            )
        return name
    for header in _SESSION_HEADERS:
        if header in headers and _is_name(headers[header]):
            return headers[header]
    return in_body if _is_name(in_body) else ""


def of_tenant(tenant: str, name: str) -> str:
    """The conversation of that name where it is a tenant's: what one calls `c1` is not another's. Empty without one."""
    return f"{tenant}\0{name}" if name else ""


def named(text: str) -> str:
    """A conversation's name that stands for this text: itself, or its sha256 where it is too long or not printable."""
    return text if len(text) <= _MAX_ID and text.isprintable() else sha256(text.encode("utf-8", "replace")).hexdigest()


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_ID and text.isprintable()
