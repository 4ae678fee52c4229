"""What was decided for one request, and why: a value that turns into JSON.

Made by `PolicySet.decide`, read by `exchange`, the edge, `explain` and the record. Rule of this module: reasons are
codes and names, never prompt text or header values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policyroute.failures import FailureKind
from policyroute.policy.model import Headers, Provider, Target, Transform
from policyroute.problems import Span


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target at one of its providers. `target` is the target's name; `facts` is what CEL sees as `target`."""

    target: str
    spec: Target
    provider: Provider
    facts: Any

    @property
    def model(self) -> str:
        """The model id the provider is asked for."""
        return self.spec.model


@dataclass(frozen=True, slots=True)
class Excluded:
    """A candidate that is out. `code` is `require`, `quality_floor`, `context_window`, `supports`, `missing_secret`, `dialect`, ...

    `rule` is the rule that put it out, where one did; `detail` says it in words without content.
    """

    target: str
    provider: str
    code: str
    rule: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Denial:
    """Why no attempt is made. `code` is stable (`policy_error`, `model_not_found`, `no_eligible_target`, or a rule's own)."""

    status: int
    code: str
    message: str
    rule: str | None


@dataclass(frozen=True, slots=True)
class Hop:
    """What the rules say of one attempt, asked again before each: `PolicySet.hop(decision, candidate, state)`.

    Every `Value` in `transforms` is a literal by now, and only those whose `where` holds are left. Header names are
    lower-case; a name in `remove_*` is taken out first. `excluded` is set where a constraint no longer holds.
    """

    candidate: Candidate
    excluded: Excluded | None
    transforms: tuple[tuple[str, Transform], ...] = ()
    set_request_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove_request_headers: frozenset[str] = frozenset()
    set_response_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove_response_headers: frozenset[str] = frozenset()
    errors: tuple[RuleError, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleError:
    """A rule whose condition or expression could not be evaluated, and what was done about it (`applied`, `skipped`, `refused`)."""

    rule: str
    effect: str
    reason: str
    span: Span | None
    consequence: str


@dataclass(frozen=True, slots=True)
class ResolvedFallback:
    after: frozenset[FailureKind]
    retries: int
    max_swaps: int
    max_attempts: int
    swap_delay: float


@dataclass(frozen=True, slots=True)
class ResolvedLimits:
    """Seconds. `ttft` and `idle` apply to streams."""

    connect: float
    ttft: float
    idle: float
    total: float


@dataclass(frozen=True, slots=True)
class Decision:
    """`candidates` are the eligible ones, in the order they will be tried; `excluded` the others, each with its reason.

    `transforms` and the header changes are (rule id, effect, values) with expression values already evaluated where they
    do not depend on the candidate. `route_rule` is `default` where no rule routed; `fired` every enforced rule that
    matched, in order; `shadow` the rules in shadow mode that would have.
    """

    id: str
    revision: str
    denied: Denial | None
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    route_rule: str
    fired: tuple[str, ...]
    shadow: tuple[str, ...]
    fallback: ResolvedFallback
    limits: ResolvedLimits
    transforms: tuple[tuple[str, Transform], ...]
    request_headers: tuple[tuple[str, Headers], ...]
    response_headers: tuple[tuple[str, Headers], ...]
    errors: tuple[RuleError, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line a candidate and rule error, for people."""
        chosen = tuple(f"{c.target} at {c.provider.name}: candidate {n}" for n, c in enumerate(self.candidates, 1))
        out = tuple(f"{x.target} at {x.provider}: out, {x.detail}" for x in self.excluded)
        trouble = tuple(f"{e.rule}: {e.effect} erred ({e.reason}), {e.consequence}" for e in self.errors)
        return chosen + out + trouble

    def as_json(self) -> Mapping[str, Any]:
        """A JSON-safe dict: every rule that fired, every candidate with why it is in or out."""
        raise NotImplementedError
