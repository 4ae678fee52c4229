"""What one attempt sends: method, URL, headers and body, from the client's request and what the rules say of this hop.

Rule of this module: pure, and always from the original request, never from an earlier attempt's. Nothing of the
client's headers goes upstream but what `PASSED_ON` lists. The client's own bytes are sent where nothing in them has to
change; where a provider speaks another dialect, or takes less, the prompt is written for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, TypeGuard

from policyroute.absent import Absent
from policyroute.adapt import Fitted, fit, room
from policyroute.catalogue import AUTH_STYLES
from policyroute.changes import Change
from policyroute.decide.decision import Hop
from policyroute.dialects import DIALECTS
from policyroute.dialects.amendments import Amendments
from policyroute.dialects.dialect import Dialect, Editor
from policyroute.dialects.prompt_edit import PromptEditor
from policyroute.exchange.passage import Passage
from policyroute.exchange.resume import Addition
from policyroute.exchange.transforms import applied, in_its_words, noted, tier
from policyroute.policy.model import Target
from policyroute.policy.payloads import CONNECTION_HEADERS
from policyroute.request import ModelRequest, Operation
from policyroute.request.profiles import BATCH
from policyroute.request.prompt import Prompt

_PROMPTS: Final = PromptEditor()
_AS_IT_IS: Final = Fitted(None)

PASSED_ON: Final = ("x-request-id", "traceparent", "tracestate")
"""The client's headers that a provider gets to see: those that tie traces together."""

_LONGEST: Final = 4096
_USER_AGENT: Final = "policyroute"


@dataclass(frozen=True, slots=True)
class Outbound:
    """One HTTP request to a provider. The key and the prompt stay out of its repr."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """`changes` are what it says otherwise than the client's request, beyond what the rules changed. `told`: the answer
    is told to the client by us; None where the provider's own bytes are. `max_tokens` is what it lets the answer have
    at most, None where it says nothing of that."""

    outbound: Outbound
    changes: tuple[Change, ...] = ()
    told: Amendments | None = None
    max_tokens: int | None = None


def build(
    request: ModelRequest,
    hop: Hop,
    key: str | None,
    addition: Addition | None = None,
    passage: Passage | None = None,
) -> Payload:
    """The attempt that `hop` describes; `key` is the secret it goes with, where the provider asks for one. `addition`
    is what it is told beyond the request: as all else in it, it is transformed, passes by `passage` and is adapted.
    Raises NotForIt where that does not let it go."""
    candidate = hop.candidate
    provider, model = candidate.provider, candidate.model
    given, request = request, request.at(provider.name, provider.base_url)
    added = None if addition is None or addition.empty else addition.to(request.prompt, whole=request is given)
    dialect = DIALECTS[provider.dialect]
    told: Amendments | None = None
    if provider.dialect == request.dialect:
        data = request.data if added is None else dialect.write(added, model, request.stream).data
        data = _transformed(data, hop, dialect.editors[request.operation], dialect.name)
        passed = None if passage is None else _passed(request, data, dialect, passage)
        if passed is not None:
            data = _written(request, data, passed, dialect, model)
        asked = _limit(dialect, data, request.operation)
        fitted = _AS_IT_IS
        if added is not None or _is_new(request, passed) or _has_to_be_read(request, data, hop, asked):
            fitted = _fit(request, passed or _read(request, data, dialect), hop, dialect)
        told = fitted.ours if fitted.ours else None
    else:
        data, asked = request.data, None
        fitted = _translated(request, added or request.prompt, hop, dialect, passage)
        told = fitted.ours
    if fitted.data is not None:
        data = fitted.data
        asked = _limit(dialect, data, request.operation)
    if passage is not None:
        data = passage.data(data)
    body = dialect.with_model(request.body if data is request.data else b"", data, model)
    if passage is not None:
        passage.checked(body)
    url = _join(provider.base_url, dialect.endpoint(model, request.stream, request.operation))
    outbound = Outbound("POST", url, _headers(request, hop, dialect, key, passage), body)
    changes = fitted.changes if passage is None else (*passage.changes, *fitted.changes)
    changes = changes if addition is None else (*addition.changes, *changes)
    return Payload(outbound, changes, told, asked)


def _passed(request: ModelRequest, data: dict[str, Any], dialect: Dialect, passage: Passage) -> Prompt | None:
    """What of a body in its own dialect may go; None where all of it may."""
    if request.operation is Operation.EMBEDDINGS:
        passage.embedded(data, dialect.name)
        return None
    prompt = _read(request, data, dialect)
    passed = passage.prompt(prompt)
    return None if passed is prompt else passed


def _read(request: ModelRequest, data: dict[str, Any], dialect: Dialect) -> Prompt:
    return request.prompt if data is request.data else dialect.read(data)


def _written(
    request: ModelRequest, data: dict[str, Any], passed: Prompt, dialect: Dialect, model: str
) -> dict[str, Any]:
    """The body with what may go of it. One whose tokens are counted has no other fields than it had."""
    written = dialect.write(passed, model, request.stream).data
    if request.operation is Operation.COUNT_TOKENS:
        return {name: value for name, value in written.items() if name in data}
    return written


def _is_new(request: ModelRequest, passed: Prompt | None) -> bool:
    """Whether it is to be answered, and is not what the client wrote."""
    return passed is not None and request.operation is Operation.CHAT


def _limit(dialect: Dialect, data: dict[str, Any], operation: Operation) -> int | None:
    """Of a body that a policy's `raw` may have made anything of."""
    if operation is not Operation.CHAT:
        return None
    try:
        return dialect.requests[operation].max_tokens(data) or None
    except (TypeError, ValueError):
        return None


def _transformed(data: dict[str, Any], hop: Hop, editor: Editor, dialect: str) -> dict[str, Any]:
    for _, transform in hop.transforms:
        data = in_its_words(applied(data, transform, editor), transform, dialect)
    return data


def _translated(request: ModelRequest, prompt: Prompt, hop: Hop, dialect: Dialect, passage: Passage | None) -> Fitted:
    for _, transform in hop.transforms:
        prompt = applied(prompt, transform, _PROMPTS)
    if passage is not None:
        prompt = passage.prompt(prompt)
    fitted = _fit(request, prompt, hop, dialect)
    data = fitted.data or {}
    for _, transform in hop.transforms:
        data = in_its_words(data, transform, dialect.name)
    return replace(fitted, data=data)


def _has_to_be_read(request: ModelRequest, data: dict[str, Any], hop: Hop, asked: int | None) -> bool:
    """Whether a target of the client's own dialect may not take all of what it says. `asked`: tokens of the answer."""
    if request.operation is not Operation.CHAT:
        return False
    candidate = hop.candidate
    traits = candidate.traits
    return (
        hop.trim
        or "service_tier" in data
        or "serviceTier" in data
        or any(each.safety or each.cache or tier(each, candidate) for _, each in hop.transforms)
        or any(concern(data, traits) for concern in candidate.concerns)
        or _asks_for_much(request, asked, candidate.spec)
    )


def _asks_for_much(request: ModelRequest, asked: int | None, spec: Target) -> bool:
    """Whether the answer may be longer than there is room for. A token is at least a byte of the body."""
    if asked is None:
        return False
    longest, window = spec.max_output_tokens, spec.context_window
    if not isinstance(longest, Absent) and asked > longest:
        return True
    return not isinstance(window, Absent) and asked > window - request.size


def _fit(request: ModelRequest, prompt: Prompt, hop: Hop, dialect: Dialect) -> Fitted:
    candidate, given = hop.candidate, prompt
    for _, transform in hop.transforms:
        prompt = noted(prompt, transform, candidate)
    fitted = fit(
        prompt,
        dialect,
        candidate.model,
        candidate.traits,
        room(request, candidate.spec, trim=hop.trim),
        stream=request.stream,
        interactive=request.profile != BATCH,
    )
    if fitted.data is None and prompt is not given:
        return replace(fitted, data=dialect.write(prompt, candidate.model, request.stream).data)
    return fitted


@lru_cache(maxsize=1024)
def _join(base_url: str, path: str) -> str:
    """Both may end in a query: a `base_url` as Azure's `?api-version=`, a path as Gemini's `?alt=sse`."""
    base, mark, query = base_url.partition("?")
    return f"{base.rstrip('/')}{path}{'&' if mark and '?' in path else mark}{query}"


def _headers(
    request: ModelRequest, hop: Hop, dialect: Dialect, key: str | None, passage: Passage | None
) -> list[tuple[str, str]]:
    headers: dict[str, str] = {
        "content-type": "application/json",
        "accept": "text/event-stream" if request.stream else "application/json",
        # The answer is passed on as it comes, so it must come plain.
        "accept-encoding": "identity",
        "user-agent": _USER_AGENT,
    }
    for name in PASSED_ON:
        given = request.headers.get(name)
        if _is_one_line(given) and (passage is None or passage.header(given) == given):
            headers[name] = given
    for name, otherwise in dialect.headers.items():
        given = request.headers.get(name) if dialect.name == request.dialect else None
        value = given if _is_one_line(given) and (passage is None or passage.header(given) == given) else otherwise
        if value is not None:
            headers[name] = value
    if key:
        name, value = _credential(hop.candidate.provider.auth, dialect, key)
        headers[name] = value
    if hop.set_request_headers or hop.remove_request_headers:
        _change(headers, hop.set_request_headers, hop.remove_request_headers, passage)
    return list(headers.items())


def _credential(style: str, dialect: Dialect, key: str) -> tuple[str, str]:
    """The header that shows the key."""
    if not style:
        return dialect.auth(key)
    name, before = AUTH_STYLES[style]
    return name, before + key


def _is_one_line(value: str | None) -> TypeGuard[str]:
    """Whether the client sent it, and nothing in it could end the header and begin another. Not every server sees to
    that; what belongs in these headers is plain."""
    return value is not None and value.isascii() and value.isprintable() and len(value) <= _LONGEST


def _change(headers: dict[str, str], given: Mapping[str, str], gone: frozenset[str], passage: Passage | None) -> None:
    for name in gone - CONNECTION_HEADERS:
        headers.pop(name, None)
    for name, value in given.items():
        if name not in CONNECTION_HEADERS:
            headers[name] = value if passage is None else passage.header(value)
