"""What one attempt sends: method, URL, headers and body, from the client's request and what the rules say of this hop.

Rule of this module: pure, and always from the original request, never from an earlier attempt's. Nothing of the
client's headers goes upstream but what `PASSED_ON` lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.catalogue import AUTH_STYLES
from policyroute.decide.decision import Hop
from policyroute.dialects import DIALECTS
from policyroute.dialects.dialect import Dialect, Editor
from policyroute.policy.model import Transform
from policyroute.policy.payloads import CONNECTION_HEADERS
from policyroute.policy.spelling import is_map
from policyroute.request import ModelRequest

_re2: Any = untyped_re2

PASSED_ON: Final = ("x-request-id", "traceparent", "tracestate")
"""The client's headers that a provider gets to see: those that tie traces together."""

_LONGEST: Final = 4096
_USER_AGENT: Final = "policyroute"
_ROUTED: Final = ("model", "messages", "contents", "input", "stream")
"""Fields that routing and the client decide; `raw` does not reach them."""

_REFERENCE: Final = re.compile(r"\\([0-9\\])")
_MAX_ADDED: Final = 64 * 1024 * 1024
"""Bytes that rewriting may put into one text: a short pattern with a long replacement must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """One HTTP request to a provider. The key and the prompt stay out of its repr."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


def build(request: ModelRequest, hop: Hop, key: str | None) -> Outbound:
    """The attempt that `hop` describes; `key` is the secret it goes with, where the provider asks for one."""
    provider = hop.candidate.provider
    dialect = DIALECTS[provider.dialect]
    model = hop.candidate.model
    data = _transformed(request.data, hop, dialect.editors[request.operation], dialect.name)
    if data is request.data:
        body = dialect.with_model(request.body, data, model)
    else:
        body = dialect.with_model(b"", data, model)
    url = _join(provider.base_url, dialect.endpoint(model, request.stream, request.operation))
    return Outbound("POST", url, _headers(request, hop, dialect, key), body)


def _transformed(data: dict[str, Any], hop: Hop, editor: Editor, dialect: str) -> dict[str, Any]:
    for _, transform in hop.transforms:
        data = _apply(data, transform, editor, dialect)
    return data


def _apply(data: dict[str, Any], transform: Transform, editor: Editor, dialect: str) -> dict[str, Any]:
    for name in transform.remove:
        if editor.has(data, name):
            data = editor.drop(data, name)
    for name, value in transform.default.items():
        if not editor.has(data, name):
            data = editor.put(data, name, value.literal)
    for name, value in transform.set.items():
        data = editor.put(data, name, value.literal)
    prepend, append, replace = transform.system_prepend, transform.system_append, transform.system_replace
    if prepend or append or replace is not None:
        data = editor.system(data, prepend=prepend, append=append, replace=replace)
    for rewrite in transform.rewrite:
        data = editor.rewrite(data, _rewriter(rewrite.find, rewrite.replace))
    vendor = {name: value for name, value in transform.raw.get(dialect, {}).items() if name not in _ROUTED}
    return _patched(data, vendor) if vendor else data


def _patched(data: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): null removes, maps are merged, everything else replaces."""
    merged = {name: value for name, value in data.items() if name not in patch or patch[name] is not None}
    for name, value in patch.items():
        if is_map(value):
            inner: Any = merged.get(name)
            merged[name] = _patched(inner if is_map(inner) else {}, value)
        elif value is not None:
            merged[name] = value
    return merged


@lru_cache(maxsize=512)
def _rewriter(find: str, replace: str) -> Callable[[str], str]:
    """By RE2: time linear in the text, whatever the pattern."""
    pattern = _re2.compile(find)
    most = _MAX_ADDED // (len(replace) + 1)

    def expanded(found: Any) -> str:
        return _REFERENCE.sub(lambda ref: _referred(found, ref[1]), replace)

    return lambda said: str(pattern.sub(expanded, said, count=most))


def _referred(found: Any, number: str) -> str:
    """What a group matched: empty where it matched nothing or there is none. A second backslash stands for one."""
    if number == "\\":
        return number
    return (found.group(int(number)) or "") if int(number) <= found.re.groups else ""


@lru_cache(maxsize=1024)
def _join(base_url: str, path: str) -> str:
    """Both may end in a query: a `base_url` as Azure's `?api-version=`, a path as Gemini's `?alt=sse`."""
    base, mark, query = base_url.partition("?")
    return f"{base.rstrip('/')}{path}{'&' if mark and '?' in path else mark}{query}"


def _headers(request: ModelRequest, hop: Hop, dialect: Dialect, key: str | None) -> list[tuple[str, str]]:
    headers: dict[str, str] = {
        "content-type": "application/json",
        "accept": "text/event-stream" if request.stream else "application/json",
        # The answer is passed on as it comes, so it must come plain.
        "accept-encoding": "identity",
        "user-agent": _USER_AGENT,
    }
    for name in PASSED_ON:
        given = request.headers.get(name)
        if given is not None and _is_one_line(given):
            headers[name] = given
    for name, otherwise in dialect.headers.items():
        given = request.headers.get(name)
        value = given if _is_one_line(given) else otherwise
        if value is not None:
            headers[name] = value
    if key:
        name, value = _credential(hop.candidate.provider.auth, dialect, key)
        headers[name] = value
    if hop.set_request_headers or hop.remove_request_headers:
        _change(headers, hop.set_request_headers, hop.remove_request_headers)
    return list(headers.items())


def _credential(style: str, dialect: Dialect, key: str) -> tuple[str, str]:
    """The header that shows the key."""
    if not style:
        return dialect.auth(key)
    name, before = AUTH_STYLES[style]
    return name, before + key


def _is_one_line(value: str | None) -> bool:
    """Whether the client sent it, and nothing in it could end the header and begin another. Not every server sees to
    that; what belongs in these headers is plain."""
    return value is not None and value.isascii() and value.isprintable() and len(value) <= _LONGEST


def _change(headers: dict[str, str], given: Mapping[str, str], gone: frozenset[str]) -> None:
    for name in gone - CONNECTION_HEADERS:
        headers.pop(name, None)
    headers |= {name: value for name, value in given.items() if name not in CONNECTION_HEADERS}
