"""Routes, fallback, limits and what else is merged key by key: names resolved.

Rule of this module: what a route says is complete: a weight or rank for something that is not in it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from policyroute.absent import ABSENT
from policyroute.cel import Demand, Expression
from policyroute.cel.trouble import TYPE
from policyroute.cel.types import Kind, Phase
from policyroute.failures import GROUPS, KINDS, FailureKind
from policyroute.integrity.validation import Unusable, validator
from policyroute.policy.actions import RANKS, REQUESTED, Expected, Fallback, Hold, Limits, Resume, Route
from policyroute.policy.effects import AfterEdit, ExpectSpec, FallbackSpec, HoldSpec, LimitsSpec, ResumeSpec, RouteMap
from policyroute.policy.expressions import Expressions
from policyroute.policy.files import SCHEMA
from policyroute.policy.model import Target
from policyroute.policy.report import Report, suggestion
from policyroute.policy.tree import File, Path, dotted
from policyroute.request import Profiles
from policyroute.scrub.profile import Profile

PLACES = ("task", "step", "progress", "previous", "cause", "outputs", "partial", "schema")
"""What a resume message may have a place for."""

_JSON: Final = TypeAdapter(dict[str, Any])
_PLACE = re.compile(r"\{(\w+)\}")
_RANKABLE = frozenset({Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.DURATION, Kind.DYN})


@dataclass(frozen=True, slots=True)
class Scope:
    """What names may refer to. `targets` has None for those that are wrong themselves.

    `complete` is False where a file could not be read: then a name that seems unknown may well be in it. `profiles` is
    None where they are not known. `schemas` are the texts of files that answers may have to fit. `scrubs` has None for
    those that are wrong themselves.
    """

    targets: Mapping[str, Target | None]
    expressions: Expressions
    report: Report
    complete: bool = True
    profiles: Profiles | None = None
    schemas: Mapping[str, str] = field(default_factory=dict[str, str])
    scrubs: Mapping[str, Profile | None] = field(default_factory=dict[str, "Profile | None"])
    variables: Mapping[str, Expression] = field(default_factory=dict[str, Expression])

    def error(self, code: str, message: str, file: File, path: Path, hint: str | None = None) -> None:
        self.report.error(code, message, file.span(path), hint=hint, path=dotted(path))

    def known_target(self, name: str, file: File, path: Path) -> None:
        """Report a name that is no target's."""
        if name not in self.targets and name != REQUESTED and self.complete:
            hint = suggestion(name, [*self.targets, REQUESTED])
            self.error("unknown-target", f"no target is called `{name}`", file, path, hint)


def route(spec: list[str] | RouteMap, file: File, path: Path, scope: Scope) -> Route:
    if isinstance(spec, list):
        _items(spec, file, path, scope)
        return Route(tuple(dict.fromkeys(spec)))
    _items(spec.targets, file, (*path, "targets"), scope)
    if spec.weights is not None and spec.rank is not None:
        hint = "weights draw the first target, a rank sorts them all: keep one"
        scope.error("wrong-value", "a route has `weights` or a `rank`", file, (*path, "rank"), hint)
    _weights(spec, file, (*path, "weights"), scope)
    by = rank(file, (*path, "rank"), scope) if spec.rank is not None else None
    if by == "cost":
        _priced(spec, file, (*path, "rank"), scope)
    return Route(tuple(dict.fromkeys(spec.targets)), spec.weights, by)


def _items(names: list[str], file: File, path: Path, scope: Scope) -> None:
    for index, name in enumerate(names):
        scope.known_target(name, file, (*path, index))
        if name in names[:index]:
            scope.error("duplicate-item", f"`{name}` is in this route twice", file, (*path, index), "keep the first")


def _weights(spec: RouteMap, file: File, path: Path, scope: Scope) -> None:
    for name in spec.weights or ():
        if name not in spec.targets:
            span = file.key_span((*path, name))
            message = f"`{name}` has a weight but is not among the targets"
            scope.report.error("unknown-target", message, span, hint=suggestion(name, spec.targets), path=dotted(path))
    if spec.weights is not None and not sum(spec.weights.values()) > 0:
        scope.error("wrong-value", "one weight at least must be more than 0", file, path)


def rank(file: File, path: Path, scope: Scope) -> str | Expression | None:
    """`cost`, `latency`, `integrity`, or an expression that gives a number or a duration; None where it is wrong."""
    word = file.expression(path).text.strip()
    if word in RANKS:
        return word
    expression = scope.expressions.compile(file, path, Demand(phase=Phase.CANDIDATE))
    if expression is not None and expression.type.kind not in _RANKABLE:
        hint = f"the smallest value comes first: {', '.join(RANKS)}, or a number such as -target.quality"
        scope.error(TYPE, f"a rank is a number or a duration, not {expression.type}", file, path, hint)
    return expression


def _priced(spec: RouteMap, file: File, path: Path, scope: Scope) -> None:
    for name in spec.targets:
        target = scope.targets.get(name)
        if target is not None and ABSENT in (target.price.input, target.price.output):
            message = f"`{name}` has no price, so it comes after every target that has one"
            hint = f"give targets.{name} a price: {{input, output}}"
            scope.report.warning("unpriced-target", message, file.span(path), hint=hint, path=dotted(path))


def fallback(spec: FallbackSpec, file: File, path: Path, scope: Scope) -> Fallback:
    after, add, remove = None, frozenset[FailureKind](), frozenset[FailureKind]()
    if isinstance(spec.after, AfterEdit):
        add = _kinds(spec.after.add, file, (*path, "after", "add"), scope)
        remove = _kinds(spec.after.remove, file, (*path, "after", "remove"), scope)
    elif spec.after is not None:
        after = _kinds(spec.after, file, (*path, "after"), scope)
    return Fallback(
        after,
        add,
        remove,
        spec.retries,
        spec.max_swaps,
        spec.max_attempts,
        spec.swap_delay,
        spec.on_unsupported,
        spec.on_overflow,
        spec.mid_stream,
    )


def _kinds(names: Iterable[str], file: File, path: Path, scope: Scope) -> frozenset[FailureKind]:
    found: set[FailureKind] = set()
    for index, name in enumerate(names):
        if name in GROUPS:
            found |= GROUPS[name]
        elif name in KINDS:
            found.add(FailureKind(name))
        else:
            hint = suggestion(name, [*GROUPS, *FailureKind])
            scope.error("unknown-failure", f"`{name}` is not a kind of failure", file, (*path, index), hint)
    return frozenset(found)


def limits(spec: LimitsSpec) -> Limits:
    return Limits(spec.connect, spec.ttft, spec.idle, spec.total)


def expect(spec: ExpectSpec, file: File, path: Path, scope: Scope) -> Expected | None:
    name, place = spec.schema_file, (*path, "schema")
    text = scope.schemas.get(name)
    if text is None and not scope.complete:
        return None
    if text is None:
        there = suggestion(name, scope.schemas)
        hint = there or f"schemas are files beside the policies whose names end in {SCHEMA}"
        scope.error("unknown-schema", f"there is no schema file `{name}` in the policy directory", file, place, hint)
        return None
    try:
        schema = _JSON.validate_json(text, strict=True)
    except ValidationError as error:
        scope.error("wrong-schema", f"`{name}` is {_not_json(error)}", file, place, "a schema is a JSON object")
        return None
    try:
        validator(schema)
    except Unusable as unusable:
        hint = "JSON Schema, with patterns of RE2 and references within the file"
        scope.error("wrong-schema", f"answers cannot be checked against `{name}`: {unusable.reason}", file, place, hint)
        return None
    return Expected(name, schema)


def _not_json(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"no JSON: {found.get('ctx', {})['error']}" if found["type"] == "json_invalid" else "not a JSON object"


def hold(spec: HoldSpec) -> Hold:
    return Hold(spec.tools, spec.schema_bound, spec.max_bytes)


def resume(spec: ResumeSpec, file: File, path: Path, scope: Scope) -> Resume:
    for name in dict.fromkeys(_PLACE.findall(spec.message or "")):
        if name not in PLACES:
            hint = suggestion(name, PLACES) or "there are " + ", ".join(f"{{{place}}}" for place in PLACES)
            scope.error("unknown-place", f"nothing is known of `{{{name}}}` here", file, (*path, "message"), hint)
    return Resume(spec.enabled, spec.message, spec.instruction, spec.max_bytes)
