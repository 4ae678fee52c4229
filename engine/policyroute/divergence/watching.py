"""Whether the last step of a conversation goes round in circles.

Rule of this module: only what is going on at the end counts: an agent that has found its way out is left alone. What
the user really says begins it all anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policyroute.divergence.asking import asks_again
from policyroute.divergence.evidence import Evidence
from policyroute.divergence.kinds import CYCLE, REPEATED_CALL
from policyroute.divergence.marks import marked, tool_name
from policyroute.divergence.sameness import Said, alike, given, said_by, spoken, told
from policyroute.divergence.steps import Step, is_whole, paired, steps, window
from policyroute.divergence.trail import Done, Trail
from policyroute.divergence.watch import Watch
from policyroute.request.prompt import Call, Prompt, Turn

_WINDOW: Final = 40
"""Steps that are looked at, the last ones."""
_NEARLY: Final = 0.8
"""How much of two texts is the same where they nearly are."""
_ONLY: Final[Said] = ("", "")
_Key = tuple[Said, ...]


def watched(prompt: Prompt, watch: Watch) -> Evidence | None:
    """What shows that it goes round; None where it does not, or where nothing is to be done about it."""
    if not watch.react:
        return None
    turns = prompt.turns
    since = window(turns, _WINDOW)
    if _may_go_round(turns, since):
        recent = [step for step in steps(turns, since) if step.calls or step.texts]
        if (found := _round(turns, recent, watch)) is not None:
            return found
    return asks_again(turns, watch, _WINDOW)


def _may_go_round(turns: Sequence[Turn], since: int) -> bool:
    """At a glance: whether the call that was made last was made before. Most requests are done with here."""
    last: Call | None = None
    said, quotes = _ONLY, 0
    for at in range(len(turns) - 1, since - 1, -1):
        turn = turns[at]
        if turn.role != "assistant":
            continue
        for part in turn.parts:
            if not isinstance(part, Call):
                continue
            if last is None:
                last, said, quotes = part, said_by(part), part.arguments.count('"')
            elif part.name == last.name and part.arguments.count('"') == quotes and said_by(part) == said:
                return True
        if last is None:
            return True
    return False


def _round(turns: Sequence[Turn], recent: list[Step], watch: Watch) -> Evidence | None:
    if len(recent) < 2:
        return None
    keys = [_key(step) for step in recent]
    if not recent[-1].calls:
        keys = _nearly(keys, recent)
    if keys.count(keys[-1]) < 2:
        return None
    trail = Trail(watch)
    times, kind = 0, ""
    for step, done in zip(recent, _done(recent, keys), strict=True):
        kind = trail.goes_on(done, step.calls)
        times += kind != ""
    return _evidence(turns, recent, trail, kind, times) if kind else None


def _key(step: Step) -> _Key:
    """The same calls at once are one; a text is only what is said where nothing is called."""
    calls = step.calls
    if len(calls) == 1:
        return (said_by(calls[0]),)
    return tuple(sorted({said_by(call) for call in calls})) if calls else (("", spoken(step.text)),)


def _nearly(keys: list[_Key], recent: list[Step]) -> list[_Key]:
    """A text that is nearly the one before it is that one."""
    found = keys[:1]
    for before, key, step in zip(recent, keys[1:], recent[1:], strict=False):
        texts = not (before.calls or step.calls)
        found.append(found[-1] if texts and alike(found[-1][0][1], key[0][1], _NEARLY) else key)
    return found


def _done(recent: list[Step], keys: list[_Key]) -> list[Done]:
    """With what each gave; that of a call that was made once says nothing."""
    known: dict[str, str] = {}
    return [(key, _gave(step, known) if keys.count(key) > 1 else ()) for step, key in zip(recent, keys, strict=True)]


def _gave(step: Step, known: dict[str, str]) -> tuple[str, ...]:
    """What each of its calls gave, in the order of its key. `known` is what was looked at before: most of what is
    compared is the very same."""
    found: dict[Said, str] = {}
    for call, result in paired(step):
        said = told(result)
        if said not in known:
            known[said] = given(said)
        found[said_by(call) if len(step.calls) > 1 else _ONLY] = known[said]
    return tuple(found[key] for key in sorted(found))


def _evidence(turns: Sequence[Turn], recent: list[Step], trail: Trail, kind: str, times: int) -> Evidence:
    whole = [step for step in steps(turns) if step.calls or step.texts]
    earlier = len(whole) - len(recent)
    calls = sum(len(step.calls) for step in whole[:earlier])
    places: list[int] = []
    for step in recent:
        places.append(calls)
        calls += len(step.calls)
    going = trail.going(kind)
    spare = [
        place
        for at in trail.spare(kind)
        if recent[at].calls and is_whole(recent[at])
        for place in range(places[at], places[at] + len(recent[at].calls))
    ]
    last = next((at for at in reversed(going) if recent[at].calls), None)
    return marked(
        Evidence(
            kind,
            "" if last is None else tool_name(recent[last].calls[0].name),
            trail.count(kind),
            tuple(earlier + at + 1 for at in going),
            unchanged=kind in (REPEATED_CALL, CYCLE),
            times=times,
            call=-1 if last is None else places[last],
            spare=frozenset(spare),
        ),
        turns,
    )
