"""What was decided for one request, and why: a value that turns into JSON.

Made by `PolicySet.decide`, read by `exchange`, the edge, `explain` and the record. Rule of this module: reasons are
codes and names, never prompt text or header values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from policyroute.catalogue import BY_DIALECT, Traits
from policyroute.decide.answers import Awaiting
from policyroute.decide.constraints import Constraint
from policyroute.decide.endpoints import Endpoints
from policyroute.decide.facts import Facts
from policyroute.decide.overrides import DRAINED, NONE_IN_FORCE, Override
from policyroute.decide.resolved import (
    DEFAULT_HOLD,
    DEFAULT_RESUME,
    Expectation,
    ResolvedFallback,
    ResolvedHold,
    ResolvedLimits,
    ResolvedResume,
)
from policyroute.decide.target_facts import TargetFacts
from policyroute.dialects.concerns import Concern
from policyroute.divergence import NOT_WATCHED, Reaction, Watch
from policyroute.policy.actions import Headers, Redact, Scrub, Transform
from policyroute.policy.model import Provider, Target
from policyroute.problems import Span
from policyroute.sessions import DEFAULT_SETTINGS, Settings

_JSON = frozenset({int, float, str, bool, type(None)})
_SHOWN = {"pinned": ", where the conversation is pinned", "home": ", where the conversation goes back to"}


@dataclass(slots=True, unsafe_hash=True)
class Candidate:
    """A target at one of its providers. `target` is the target's name. Nobody changes one: a frozen one would take
    three times as long to make, which a rank does for each on every request. `facts` is what CEL saw as `target`,
    where a rule that depends on the moment asked; None where none did.
    `why` says how it came to its place: `routed` by the rule's order, `requested` by the client, `weighted`, `ranked`
    (by `score`), or `unranked` where it could not be ranked and so comes after those that could; `pinned` where the
    conversation is, `home` where it goes back to, `same_target` for other providers of the pinned target; `override`
    where the operator puts it first. `concerns` is what a body of the provider's own dialect is asked beforehand.
    """

    target: str
    spec: Target
    provider: Provider
    facts: TargetFacts | None = field(default=None, repr=False, compare=False)
    why: str = "routed"
    score: Any = None
    concerns: tuple[Concern, ...] = field(default=(), repr=False, compare=False)

    @property
    def model(self) -> str:
        """The model id the provider is asked for."""
        return self.spec.model

    @property
    def traits(self) -> Traits:
        """What the model takes there."""
        return self.spec.traits.get(self.provider.name) or BY_DIALECT[self.provider.dialect]

    def as_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "provider": self.provider.name,
            "model": self.model,
            "why": self.why,
            "score": self.score if type(self.score) in _JSON else str(self.score),
            "observed": self.facts.observed() if self.facts else {},
        }


@dataclass(frozen=True, slots=True)
class Excluded:
    """A candidate that is out.

    `code` is `require` or `quality_floor`, with the `rule` that put it out; or a hard fact: `not_granted` (to the
    client), `dialect`, `missing_secret`, `supports`, `unsupported`, `context_window`, `other_model`, `other_account`;
    `drained`, where the operator does not want it for a while.
    `detail` says it in words, without content; `floor` is the least quality, of one that is under a floor.
    """

    target: str
    provider: str
    code: str
    rule: str | None
    detail: str
    floor: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "provider": self.provider,
            "code": self.code,
            "rule": self.rule,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Denial:
    """Why no attempt is made.

    `code` is stable: the rule's, or `policy_error`, `model_not_found`, `model_not_granted`, `no_eligible_target`,
    `no_model_meets_floor`, `context_length_exceeded`, `unsupported`, `divergence`, `drained`, `budget_exceeded`.
    """

    status: int
    code: str
    message: str
    rule: str | None

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "code": self.code, "message": self.message, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Hop:
    """What the rules say of one attempt, asked again before each: `PolicySet.hop(decision, candidate, state)`.

    `trim`: a prompt that is too long for the candidate goes without its oldest turns.

    Every `Value` in `transforms` is a literal by now, and only those whose `where` holds are left. Header names are
    lower-case; a name in `remove_*` is taken out first. `excluded` is set where a constraint no longer holds.
    `redactions` are of what is sent, `censors` of what is answered, each as (rule id, effect).
    """

    candidate: Candidate
    excluded: Excluded | None
    transforms: tuple[tuple[str, Transform], ...] = ()
    set_request_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove_request_headers: frozenset[str] = frozenset()
    set_response_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    remove_response_headers: frozenset[str] = frozenset()
    errors: tuple[RuleError, ...] = ()
    trim: bool = False
    redactions: tuple[tuple[str, Redact], ...] = ()
    censors: tuple[tuple[str, Redact], ...] = ()
    scrubs: tuple[tuple[str, Scrub], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleError:
    """A rule whose condition or expression could not be evaluated, and what was done about it.

    `effect` is the effect concerned (`deny`, `require`, `route.rank`, `transform.where`, ...), `reason` CEL's own
    words. `consequence` is `applied`, `skipped` or `refused`; `none` for a rule in shadow mode.
    """

    rule: str
    effect: str
    reason: str
    span: Span | None
    consequence: str

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "effect": self.effect,
            "reason": self.reason,
            "at": str(self.span) if self.span else None,
            "consequence": self.consequence,
        }


class Course(NamedTuple):
    """`session` is how the conversation is held: as at its first request. `unpinned` is the code of why the place that
    it is pinned to is not tried first: one of `Excluded`'s, `undefined` where the policy has no such place any more, or
    `divergence` or `override`; empty where it is, or is pinned to none. `watch` is what is watched for, `reaction` what
    is done because it goes round in circles."""

    session: Settings = DEFAULT_SETTINGS
    watch: Watch = NOT_WATCHED
    reaction: Reaction | None = None
    unpinned: str = ""


NO_COURSE: Final = Course()


class Grounds(NamedTuple):
    """What a decision rests on, kept for the hops."""

    facts: Facts
    constraints: tuple[Constraint, ...]
    endpoints: Endpoints


@dataclass(frozen=True, slots=True)
class Decision:
    """`candidates` are the eligible ones, in the order they will be tried; `excluded` the others, with the reasons.

    `transforms`, the header changes, `redactions` (of what is sent), `censors` (of what is answered) and `scrubs` are
    (rule id, effect); their expressions are evaluated for each hop.
    `route_rule` is `default` where no rule routed; `fired` every enforced rule that applies, in order; `shadow` the
    rules in shadow mode that would have. `awaiting` are the rules that have to see the answer, if any may match it.
    `course` is what becomes of the conversation. `budgets` are those that it is paid from, by name.
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
    grounds: Grounds | None = field(default=None, repr=False, compare=False)
    awaiting: Awaiting | None = None
    hold: ResolvedHold = DEFAULT_HOLD
    resume: ResolvedResume = DEFAULT_RESUME
    expected: Expectation | None = None
    redactions: tuple[tuple[str, Redact], ...] = ()
    censors: tuple[tuple[str, Redact], ...] = ()
    scrubs: tuple[tuple[str, Scrub], ...] = ()
    course: Course = NO_COURSE
    budgets: tuple[str, ...] = ()

    @property
    def session(self) -> Settings:
        return self.course.session

    @property
    def watch(self) -> Watch:
        return self.course.watch

    @property
    def reaction(self) -> Reaction | None:
        return self.course.reaction

    @property
    def unpinned(self) -> str:
        return self.course.unpinned

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The operator's that had a part in it: they name a candidate, or took one out."""
        known = self.grounds.facts.state.overrides if self.grounds is not None else NONE_IN_FORCE
        drained = [(each.target, each.provider) for each in self.excluded if each.code == DRAINED]
        return known.of((each.target for each in self.candidates), drained)

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line a candidate and rule error, for people; and what became of the conversation's pin and circles."""
        chosen = tuple(
            f"{c.target} at {c.provider.name}: candidate {n}{_SHOWN.get(c.why, '')}"
            for n, c in enumerate(self.candidates, 1)
        )
        out = tuple(f"{x.target} at {x.provider}: out, {x.detail}" for x in self.excluded)
        trouble = tuple(f"{e.rule}: {e.effect} erred ({e.reason}), {e.consequence}" for e in self.errors)
        moved = (f"not where the conversation is pinned: {self.unpinned}",) if self.unpinned else ()
        done = self.reaction
        circles = (f"goes round in circles ({done.evidence.kind}): {done.kind}",) if done else ()
        by_hand = tuple(f"override `{each}`: {each.reason}" for each in self.overrides if each.action == "use")
        return chosen + by_hand + moved + circles + out + trouble

    def as_json(self) -> Mapping[str, Any]:
        """A JSON-safe dict: every rule that fired, every candidate with why it is in or out."""
        return {
            "id": self.id,
            "revision": self.revision,
            "denied": self.denied.as_json() if self.denied else None,
            "route_rule": self.route_rule,
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "excluded": [excluded.as_json() for excluded in self.excluded],
            "fired": list(self.fired),
            "shadow": list(self.shadow),
            "fallback": self.fallback.as_json(),
            "limits": self.limits.as_json(),
            "hold": self.hold.as_json(),
            "resume": self.resume.as_json(),
            "expected": self.expected.as_json() if self.expected else None,
            "session": self.session.as_json(),
            "unpinned": self.unpinned or None,
            "divergence": self.watch.as_json(),
            "reaction": self.reaction.as_json() if self.reaction else None,
            "overrides": [override.as_json() for override in self.overrides],
            "transforms": [rule for rule, _ in self.transforms],
            "request_headers": [rule for rule, _ in self.request_headers],
            "response_headers": [rule for rule, _ in self.response_headers],
            "redactions": [rule for rule, _ in self.redactions],
            "censors": [rule for rule, _ in self.censors],
            "scrubs": [rule for rule, _ in self.scrubs],
            "budgets": list(self.budgets),
            "awaiting": [rule.id for rule in self.awaiting.rules] if self.awaiting else [],
            "errors": [error.as_json() for error in self.errors],
        }
