"""Transforms and header changes: values compiled, names checked.

Rule of this module: what the gateway itself decides (model, messages, framing, credentials) is not a policy's to set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import re2 as untyped_re2  # type: ignore[import-untyped]

from policyroute.cel import Demand, Expression
from policyroute.cel.patterns import PatternError, compile_pattern
from policyroute.cel.types import BOOL, STRING, Phase
from policyroute.policy.actions import Headers, Rewrite, Transform, Value
from policyroute.policy.effects import HeadersSpec, RewriteSpec, SystemSpec, TransformSpec
from policyroute.policy.fields import BODY_FIELDS
from policyroute.policy.routes import Scope
from policyroute.policy.spelling import Computed, Strict
from policyroute.policy.tree import File, Path, dotted
from policyroute.request import CREDENTIAL_HEADERS

_re2: Any = untyped_re2

CONNECTION_HEADERS = frozenset(
    "connection content-encoding content-length expect host keep-alive proxy-connection te trailer upgrade "
    "transfer-encoding".split()
)
"""Headers that belong to the transport: no rule may write them."""
RESERVED_REQUEST_HEADERS = CONNECTION_HEADERS | CREDENTIAL_HEADERS | {"accept-encoding", "content-type"}
RESERVED_RESPONSE_HEADERS = CONNECTION_HEADERS | {"content-type", "date", "server"}
OWN_HEADERS = "x-policyroute-"

RESERVED_RAW: Mapping[str, frozenset[str]] = {
    "openai_chat": frozenset({"model", "messages", "stream", "stream_options", "max_completion_tokens", *BODY_FIELDS}),
    "openai_responses": frozenset(
        """model input instructions stream stream_options max_output_tokens temperature top_p tool_choice
        parallel_tool_calls metadata user previous_response_id conversation""".split()
    ),
    "anthropic": frozenset(
        "model messages system stream max_tokens temperature top_p stop_sequences tool_choice metadata".split()
    ),
    "gemini": frozenset(
        """model contents stream systemInstruction system_instruction generation_config tool_config safety_settings
        cached_content service_tier""".split()
    ),
}
"""Names of a body that `raw` may not write: routing decides them, or a neutral field does."""
_NEUTRAL = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "stop_sequences": "stop"}
"""The neutral names of those that have another."""

_GROUP = re.compile(r"\\(\d)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def transform(spec: TransformSpec, file: File, path: Path, scope: Scope) -> Transform:
    if not spec.model_fields_set - {"where"}:
        _empty(file, path, scope)
    system = spec.system or SystemSpec()
    _raw(spec.raw or {}, file, (*path, "raw"), scope)
    return Transform(
        set=_fields(spec.set, file, (*path, "set"), scope),
        default=_fields(spec.default, file, (*path, "default"), scope),
        remove=tuple(spec.remove or ()),
        system_prepend=system.prepend,
        system_append=system.append,
        system_replace=system.replace,
        rewrite=tuple(_rewrites(spec.rewrite or (), file, (*path, "rewrite"), scope)),
        safety={str(category): str(threshold) for category, threshold in (spec.safety or {}).items()},
        cache=spec.cache or False,
        service_tier=spec.service_tier or "",
        raw=spec.raw or {},
        where=_where(spec.where, Phase.REQUEST, file, path, scope),
    )


def headers(  # noqa: PLR0913 - what is written where, by whom and when
    spec: HeadersSpec,
    reserved: frozenset[str],
    file: File,
    path: Path,
    scope: Scope,
    *,
    phase: Phase = Phase.REQUEST,
) -> Headers:
    """`reserved` are the names that may not be written, `phase` is that of the rule."""
    if not spec.set and not spec.remove:
        _empty(file, path, scope)
    values: dict[str, Value] = {}
    for name, value in (spec.set or {}).items():
        place = (*path, "set", name)
        _allowed(name, reserved, file, place, scope)
        if isinstance(value, str) and (_CONTROL.search(value) or not value.isascii()):
            scope.error("bad-header", "a header's value is one line of printable ASCII", file, place)
        if name.lower() in values:
            scope.error("duplicate-item", f"`{name}` is set twice: case makes no difference", file, place)
        values[name.lower()] = _value(value, Demand(STRING, phase), file, place, scope)
    for index, name in enumerate(spec.remove or ()):
        _allowed(name, reserved, file, (*path, "remove", index), scope)
    remove = tuple(dict.fromkeys(name.lower() for name in spec.remove or ()))
    return Headers(values, remove, _where(spec.where, phase, file, path, scope))


def _where(written: str | None, phase: Phase, file: File, path: Path, scope: Scope) -> Expression | None:
    """A condition on the target, in a rule of this phase."""
    demand = Demand(BOOL, max(phase, Phase.CANDIDATE))
    return None if written is None else scope.expressions.compile(file, (*path, "where"), demand)


def _empty(file: File, path: Path, scope: Scope) -> None:
    span = file.key_span(path)
    scope.report.error(
        "empty-effect", f"this `{path[-1]}` changes nothing", span, hint="take it out", path=dotted(path)
    )


def _fields(spec: Strict | None, file: File, path: Path, scope: Scope) -> Mapping[str, Value]:
    if spec is None:
        return {}
    if not spec.model_fields_set:
        _empty(file, path, scope)
    return {
        name: _value(getattr(spec, name), Demand(BODY_FIELDS[name].type), file, (*path, name), scope)
        for name in BODY_FIELDS
        if name in spec.model_fields_set
    }


def _value(written: object, demand: Demand, file: File, path: Path, scope: Scope) -> Value:
    if isinstance(written, Computed):
        return Value(expression=scope.expressions.compile(file, (*path, "cel"), demand))
    return Value(literal=file.data(path))


def _allowed(name: str, reserved: frozenset[str], file: File, path: Path, scope: Scope) -> None:
    if name.lower() not in reserved and not name.lower().startswith(OWN_HEADERS):
        return
    hint = "a provider's key is its `api_key`" if name.lower() in CREDENTIAL_HEADERS else "leave it to the gateway"
    message = f"the header `{name}` is not a policy's to change"
    scope.report.error("reserved-header", message, file.key_span(path), hint=hint, path=dotted(path))


def _rewrites(specs: Iterable[RewriteSpec], file: File, path: Path, scope: Scope) -> Iterable[Rewrite]:
    for index, spec in enumerate(specs):
        place = (*path, index)
        try:
            compile_pattern(spec.find)
        except PatternError as error:
            scope.error("bad-pattern", f"not an RE2 pattern: {error}", file, (*place, "find"))
            continue
        groups = int(_re2.compile(spec.find).groups)
        named = max((int(number) for number in _GROUP.findall(spec.replace)), default=0)
        if named > groups:
            message = f"`\\{named}` is not there: the pattern has {groups} groups"
            scope.error("bad-pattern", message, file, (*place, "replace"), "write a literal backslash as `\\\\`")
        yield Rewrite(spec.find, spec.replace)


def _raw(raw: Mapping[str, Mapping[str, Any]], file: File, path: Path, scope: Scope) -> None:
    for dialect, values in raw.items():
        for name in values:
            if name in RESERVED_RAW[dialect]:
                neutral = _NEUTRAL.get(name, name)
                written = f"write it under `set: {{{neutral}: ...}}`"
                hint = written if neutral in BODY_FIELDS else "leave it to the gateway"
                place = (*path, dialect, name)
                message = f"`{name}` is not a vendor's own field"
                scope.report.error("reserved-field", message, file.key_span(place), hint=hint, path=dotted(place))
