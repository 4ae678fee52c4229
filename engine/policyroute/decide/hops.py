"""What the rules say of one attempt: constraints asked again, transforms and headers as they are for this candidate.

Rule of this module: pure and cheap; it reads the decision's facts and a fresh view of the target, and changes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from policyroute.absent import ABSENT
from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.decision import Candidate, Decision, Excluded, Hop, RuleError
from policyroute.decide.facts import Facts
from policyroute.policy.actions import Headers, Redact, Scrub, Transform, Value

T = TypeVar("T", Redact, Scrub)

_LONGEST_HEADER = 4096
"""Characters: what servers commonly take is 8 KiB for all headers together."""


def hop(
    decision: Decision, candidate: Candidate, facts: Facts, excluded: Excluded | None, errors: list[RuleError]
) -> Hop:
    """`facts` are those `at` the candidate's endpoint; `excluded` and `errors` come from its constraints."""
    if excluded:
        return Hop(_as_seen(candidate, facts), excluded, errors=tuple(errors))
    transforms = _transforms(decision.transforms, facts, errors)
    to_provider = changed_headers("request_headers", decision.request_headers, facts, errors)
    to_client = changed_headers("response_headers", decision.response_headers, facts, errors)
    redactions = _guarding("redact", decision.redactions, facts, errors)
    censors = _guarding("redact", decision.censors, facts, errors)
    scrubs = _guarding("scrub", decision.scrubs, facts, errors)
    seen, trim = _as_seen(candidate, facts), decision.fallback.trims
    return Hop(seen, None, transforms, *to_provider, *to_client, tuple(errors), trim, redactions, censors, scrubs)


def _as_seen(candidate: Candidate, facts: Facts) -> Candidate:
    seen = facts.looked(facts.endpoint) if facts.endpoint else None
    return candidate if seen is candidate.facts else replace(candidate, facts=seen)


def _transforms(
    rules: Iterable[tuple[str, Transform]], facts: Facts, errors: list[RuleError]
) -> tuple[tuple[str, Transform], ...]:
    kept: list[tuple[str, Transform]] = []
    for rule, transform in rules:
        if not _applies(transform.where, facts, rule, "transform", errors):
            continue
        try:
            values = replace(
                transform, set=_literals(transform.set, facts), default=_literals(transform.default, facts)
            )
        except EvaluationError as error:
            errors.append(RuleError(rule, "transform", error.reason, error.span, "skipped"))
        else:
            kept.append((rule, values))
    return tuple(kept)


def changed_headers(
    effect: str, rules: Iterable[tuple[str, Headers]], facts: Facts, errors: list[RuleError]
) -> tuple[dict[str, str], frozenset[str]]:
    """What these rules set and remove. No two of them write one name: the compiler sees to that."""
    set_: dict[str, str] = {}
    removed: set[str] = set()
    for rule, headers in rules:
        if not _applies(headers.where, facts, rule, effect, errors):
            continue
        try:
            values = {name: _text(value, facts) for name, value in headers.set.items()}
        except EvaluationError as error:
            errors.append(RuleError(rule, effect, error.reason, error.span, "skipped"))
            continue
        removed.update(headers.remove)
        set_.update(values)
    return set_, frozenset(removed)


def _applies(where: Expression | None, facts: Facts, rule: str, effect: str, errors: list[RuleError]) -> bool:
    if where is None:
        return True
    try:
        return where.evaluate(facts) is True
    except EvaluationError as error:
        errors.append(RuleError(rule, f"{effect}.where", error.reason, error.span, "skipped"))
        return False


def _guarding(
    effect: str, rules: Iterable[tuple[str, T]], facts: Facts, errors: list[RuleError]
) -> tuple[tuple[str, T], ...]:
    """Those whose `where` holds, and those of which nobody can say whether it does."""
    kept: list[tuple[str, T]] = []
    for rule, guard in rules:
        try:
            if guard.where is None or guard.where.evaluate(facts) is not False:
                kept.append((rule, guard))
        except EvaluationError as error:
            errors.append(RuleError(rule, f"{effect}.where", error.reason, error.span, "applied"))
            kept.append((rule, guard))
    return tuple(kept)


def _literals(values: Mapping[str, Value], facts: Facts) -> Mapping[str, Value]:
    if all(value.expression is None for value in values.values()):
        return values
    return {name: Value(_evaluated(value, facts)) for name, value in values.items()}


def _evaluated(value: Value, facts: Facts) -> Any:
    expression = value.expression
    if expression is None:
        return value.literal
    result = expression.evaluate(facts)
    if result is ABSENT:
        raise EvaluationError("the value is absent", expression.source.span(0, len(expression.source.text)))
    return result


def _text(value: Value, facts: Facts) -> str:
    """A header's value. What could end a header and begin another is an error: it may come from a client."""
    text = _evaluated(value, facts)
    if not (isinstance(text, str) and text.isascii() and text.isprintable() and len(text) <= _LONGEST_HEADER):
        raise EvaluationError(f"not a header value: printable ASCII, {_LONGEST_HEADER} characters at most")
    return text
