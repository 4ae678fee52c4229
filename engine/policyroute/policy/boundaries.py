"""What is replaced and what stays behind before anything goes to a provider: `redact` and `scrub`, resolved.

Rule of this module: what fails closed says one thing: keys that contradict each other are an error, never a guess.
"""

from __future__ import annotations

from typing import Final

from policyroute.cel import Demand, Expression
from policyroute.cel.types import BOOL, Phase
from policyroute.clearance import Clearance
from policyroute.policy.actions import Redact, Scrub
from policyroute.policy.effects import RedactSpec, ScrubUseSpec
from policyroute.policy.report import suggestion
from policyroute.policy.routes import Scope
from policyroute.policy.tree import File, Path, dotted
from policyroute.redact.detectors import detector
from policyroute.redact.kinds import GROUPS, KINDS
from policyroute.redact.modes import Mode
from policyroute.redact.patterns import rejected
from policyroute.scrub.profile import DEFAULT, Profile

_WHERE: Final = Demand(BOOL, Phase.CANDIDATE, guarded=True)
_BACK: Final = "values are put back where `restore: true` says so"


def redact(spec: RedactSpec, file: File, path: Path, scope: Scope, *, of_answer: bool) -> Redact:
    """`of_answer`: what the model says is redacted, not what it is told."""
    if not (spec.detect or spec.patterns or spec.known):
        hint = "name what is looked for, such as `detect: [pii, secrets]`, or `known: true` for the app's values alone"
        message = "this `redact` looks for nothing"
        scope.report.error("empty-effect", message, file.key_span(path), hint=hint, path=dotted(path))
    _modes(spec, file, path, scope, of_answer=of_answer)
    usable = _patterns(spec, file, (*path, "patterns"), scope)
    made = Redact(
        detect=tuple(dict.fromkeys(spec.detect or ())),
        patterns=spec.patterns or {},
        mode=Mode(spec.mode or ("pseudonym" if spec.restore else "mask")),
        known=spec.known is not False,
        restore=spec.restore or False,
        in_urls=spec.in_urls or False,
        where=_where(spec.where, file, path, scope),
    )
    if usable:
        detector(made.detect, tuple(made.patterns.items()))  # made here, no request waits for it
    return made


def scrub(spec: ScrubUseSpec, file: File, path: Path, scope: Scope) -> Scrub:
    return Scrub(
        profile=_profile(spec.use, file, (*path, "use"), scope),
        max_label=Clearance.named(spec.crossing.max_label),
        confession=spec.confession,
        outputs=spec.outputs,
        where=_where(spec.where, file, path, scope),
    )


def _modes(spec: RedactSpec, file: File, path: Path, scope: Scope, *, of_answer: bool) -> None:
    if of_answer and (spec.restore or spec.mode == "pseudonym"):
        name = "restore" if spec.restore else "mode"
        message = "what is taken out of an answer does not come back: nobody could put it back"
        scope.error("wrong-value", message, file, (*path, name), "mask, hash, remove or block")
    elif spec.restore and spec.mode not in (None, "pseudonym"):
        hint = "leave `mode` out: what is restored is a pseudonym until then"
        scope.error("wrong-value", f"`{spec.mode}` cannot be restored", file, (*path, "mode"), hint)
    if spec.in_urls and not spec.restore:
        hint = "add `restore: true`, or leave it out"
        scope.error("wrong-value", f"`in_urls` says where {_BACK}", file, (*path, "in_urls"), hint)


def _patterns(spec: RedactSpec, file: File, path: Path, scope: Scope) -> bool:
    """Whether they can be used."""
    before = len(scope.report.problems)
    for name, pattern in (spec.patterns or {}).items():
        place = (*path, name)
        if why := rejected(pattern):
            scope.error("bad-pattern", f"not a pattern that can be used: {why}", file, place, "RE2's syntax")
        if name in KINDS or name in GROUPS:
            message = f"`{name}` is what a detector of ours finds"
            hint = "give the pattern another name"
            scope.report.error("duplicate-name", message, file.key_span(place), hint=hint, path=dotted(place))
    return len(scope.report.problems) == before


def _where(written: str | None, file: File, path: Path, scope: Scope) -> Expression | None:
    return None if written is None else scope.expressions.compile(file, (*path, "where"), _WHERE)


def _profile(name: str, file: File, path: Path, scope: Scope) -> Profile:
    known = {DEFAULT.name: DEFAULT, **scope.scrubs}
    if name not in known and scope.complete:
        hint = suggestion(name, known) or "profiles are written in the section `scrub`"
        scope.error("unknown-scrub", f"no scrub profile is called `{name}`", file, path, hint)
    return known.get(name) or DEFAULT
