"""One rule: every effect resolved, every expression compiled with what its place asks of it.

Rule of this module: the conditions of a rule that fails closed are guarded, and only they.
"""

from __future__ import annotations

from policyroute.cel import Demand, Expression
from policyroute.cel.trouble import PHASE
from policyroute.cel.types import BOOL, Phase
from policyroute.policy.actions import Deny
from policyroute.policy.boundaries import redact, scrub
from policyroute.policy.budgets import budget
from policyroute.policy.conversations import check_finds, divergence, session
from policyroute.policy.document import DefaultSpec, RuleSpec
from policyroute.policy.effects import CLOSED, EFFECTS, OF_ANSWERS, DenySpec
from policyroute.policy.model import Default, Mode, Rule
from policyroute.policy.payloads import RESERVED_REQUEST_HEADERS, RESERVED_RESPONSE_HEADERS, headers, transform
from policyroute.policy.qualities import floor
from policyroute.policy.routes import Scope, expect, fallback, hold, limits, rank, resume, route
from policyroute.policy.tree import File, Path, dotted
from policyroute.policy.vocabulary import ANSWER_ROOTS

_REQUIRE = Demand(BOOL, Phase.CANDIDATE, guarded=True)
_PHASES = {"request": Phase.REQUEST, "response": Phase.RESPONSE}


def fails_closed(spec: RuleSpec) -> bool:
    """Whether an erring condition applies the rule."""
    return any(getattr(spec, effect) is not None for effect in CLOSED)


def conditions(spec: RuleSpec) -> tuple[str, ...]:
    """The texts of the conditions that fail closed."""
    wheres = (effect.where for effect in (spec.redact, spec.scrub) if effect is not None)
    return tuple(text for text in (spec.when, spec.require, *wheres) if text is not None and fails_closed(spec))


def sees_answers(spec: RuleSpec) -> bool:
    """Whether the rule is asked when the answer is there. What redacts it has to be known before it begins."""
    return spec.phase == "response" and spec.redact is None


def rule(spec: RuleSpec, identity: tuple[str, int], file: File, path: Path, scope: Scope) -> Rule:
    """`identity` is the rule's id in the set and its place in the order."""
    _check_effects(spec, file, path, scope)
    name, position = identity
    return Rule(
        id=name,
        position=position,
        span=file.span((*path, "id")),
        mode=Mode(spec.mode),
        of_answers=sees_answers(spec),
        censors=spec.phase == "response" and spec.redact is not None,
        when=_when(spec, file, path, scope),
        deny=_deny(spec.deny),
        require=_require(spec, file, path, scope),
        quality_floor=None if spec.quality_floor is None else floor(spec.quality_floor),
        route=route(spec.route, file, (*path, "route"), scope) if spec.route is not None else None,
        rank=rank(file, (*path, "rank"), scope) if spec.rank is not None else None,
        transform=transform(spec.transform, file, (*path, "transform"), scope) if spec.transform else None,
        request_headers=headers(spec.request_headers, RESERVED_REQUEST_HEADERS, file, (*path, "request_headers"), scope)
        if spec.request_headers
        else None,
        response_headers=headers(
            spec.response_headers,
            RESERVED_RESPONSE_HEADERS,
            file,
            (*path, "response_headers"),
            scope,
            phase=_PHASES[spec.phase],
        )
        if spec.response_headers
        else None,
        fallback=fallback(spec.fallback, file, (*path, "fallback"), scope) if spec.fallback else None,
        limits=limits(spec.limits) if spec.limits else None,
        expect=expect(spec.expect, file, (*path, "expect"), scope) if spec.expect else None,
        hold=hold(spec.hold) if spec.hold else None,
        resume=resume(spec.resume, file, (*path, "resume"), scope) if spec.resume else None,
        session=session(spec.session, file, (*path, "session"), scope) if spec.session else None,
        divergence=divergence(spec.divergence) if spec.divergence else None,
        redact=redact(spec.redact, file, (*path, "redact"), scope, of_answer=spec.phase == "response")
        if spec.redact
        else None,
        scrub=scrub(spec.scrub, file, (*path, "scrub"), scope) if spec.scrub else None,
        budget=budget(spec.budget, file, (*path, "budget"), scope) if spec.budget else None,
    )


def default(spec: DefaultSpec, file: File, scope: Scope) -> Default:
    path: Path = ("default",)
    return Default(
        route=route(spec.route, file, (*path, "route"), scope),
        fallback=fallback(spec.fallback, file, (*path, "fallback"), scope) if spec.fallback else None,
        limits=limits(spec.limits) if spec.limits else None,
        hold=hold(spec.hold) if spec.hold else None,
        resume=resume(spec.resume, file, (*path, "resume"), scope) if spec.resume else None,
        session=session(spec.session, file, (*path, "session"), scope) if spec.session else None,
        divergence=divergence(spec.divergence) if spec.divergence else None,
        span=file.key_span(path),
    )


def is_whole(spec: RuleSpec, file: File, path: Path) -> bool:
    """Whether the rule is all that is written: of one that is not, nothing can be said for what it lacks."""
    return len(spec.model_fields_set) == len(file.data(path))


def _check_effects(spec: RuleSpec, file: File, path: Path, scope: Scope) -> None:
    if not spec.model_fields_set & EFFECTS.keys() and is_whole(spec, file, path):
        hint = "it needs one of: " + ", ".join(EFFECTS)
        span = file.span((*path, "id"))
        scope.report.error(
            "rule-without-effect", f"the rule `{spec.id}` does nothing", span, hint=hint, path=dotted(path)
        )
    if spec.phase == "response":
        _check_phase(spec, file, path, scope)
    for name in ("fallback", "limits", "hold", "resume", "session", "divergence"):
        section = getattr(spec, name)
        if section is not None and not section.model_fields_set:
            place = (*path, name)
            message = f"this `{name}` changes nothing"
            scope.report.error("empty-effect", message, file.key_span(place), hint="take it out", path=dotted(place))


def _check_phase(spec: RuleSpec, file: File, path: Path, scope: Scope) -> None:
    for name in EFFECTS:
        if name not in spec.model_fields_set or name == "redact":
            continue
        place = (*path, name)
        if name not in OF_ANSWERS:
            message = f"`{name}` {EFFECTS[name]}: when the answer is there it is too late for that"
            allowed = f"{' and '.join(OF_ANSWERS)}, or redact"
            hint = f"with `phase: response` a rule may have {allowed}; write another rule for `{name}`"
            scope.report.error("effect-too-late", message, file.key_span(place), hint=hint, path=dotted(place))
        elif spec.redact is not None:
            message = f"`redact` is done while an answer comes, `{name}` when all of it is there"
            hint = f"write another rule for `{name}`"
            scope.report.error("effect-apart", message, file.key_span(place), hint=hint, path=dotted(place))


def _when(spec: RuleSpec, file: File, path: Path, scope: Scope) -> Expression | None:
    if spec.when is None:
        return None
    place = (*path, "when")
    demand = Demand(BOOL, _PHASES[spec.phase], guarded=fails_closed(spec))
    when = scope.expressions.compile(file, place, demand)
    if when is not None and spec.phase == "response" and not sees_answers(spec):
        _check_early(when, file, place, scope)
    if when is not None and spec.session is not None and spec.session.key is not None:
        check_finds(when, file, place, scope)
    return when


def _check_early(when: Expression, file: File, path: Path, scope: Scope) -> None:
    """What an answer is redacted by is settled before it begins: none of a stream is held until its end is known."""
    for read in sorted(when.reads):
        root = read.partition(".")[0]
        if root == "target":
            hint = "write it in the `where` of `redact`"
            scope.error(PHASE, f"`{read}` is not known yet: who answers is the candidate's matter", file, path, hint)
        elif root in ANSWER_ROOTS:
            hint = "ask the request, and `target` in `where`; `deny` and `response_headers` may rest on the answer"
            scope.error(PHASE, f"`{read}` comes too late: an answer is redacted as it comes", file, path, hint)


def _require(spec: RuleSpec, file: File, path: Path, scope: Scope) -> Expression | None:
    return None if spec.require is None else scope.expressions.compile(file, (*path, "require"), _REQUIRE)


def _deny(spec: DenySpec | None) -> Deny | None:
    return None if spec is None else Deny(spec.status, spec.code, spec.message)
