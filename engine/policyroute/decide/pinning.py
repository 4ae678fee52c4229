"""Where a conversation stays: the place it is pinned to comes first, whatever the route says.

Rule of this module: it names places and orders candidates; who is eligible is `eligibility`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from policyroute.decide.decision import Candidate, Course, Excluded
from policyroute.decide.endpoints import Endpoints
from policyroute.decide.overrides import OVERRIDE
from policyroute.request import ModelRequest, Operation
from policyroute.sessions import DIVERGENCE, Place, Session

HOME: Final = "home"
PINNED: Final = "pinned"
SAME_TARGET: Final = "same_target"
AHEAD: Final = (HOME, PINNED, SAME_TARGET)
"""Why a candidate comes before those of the route, in this order. Of these no rank is asked."""

UNDEFINED: Final = "undefined"
"""Why a pinned place is none that is tried first, beside the codes of `Excluded` and `DIVERGENCE`: the policy has no
such place any more."""

Ahead = tuple[tuple[str, Place], ...]
"""Places before those of the route, each with why; the one that the conversation is pinned to comes last."""


def ahead(session: Session | None, request: ModelRequest) -> Ahead:
    """A count of tokens follows the pin, since it is for who will answer; embeddings have nothing to do with it. Where
    a conversation is to go back, its home comes first, but not for what refers to what an account keeps: that is kept
    where it is now."""
    pin = session.pin if session is not None else None
    if session is None or pin is None or request.operation is Operation.EMBEDDINGS:
        return ()
    home = session.home
    if session.settings.back and home is not None and home != pin.place and not request.kept:
        return (HOME, home), (PINNED, pin.place)
    return ((PINNED, pin.place),)


def unpinned(
    session: Session, request: ModelRequest, candidates: Sequence[Candidate], out: Iterable[Excluded], known: Endpoints
) -> str:
    """The code of what rules out the place that the conversation is pinned to; empty where nothing does."""
    before = ahead(session, request)
    if not before:
        return ""
    place = before[-1][1]
    tried = [place_of(each) for each in candidates]
    if place in tried:
        return OVERRIDE if any(each.why == OVERRIDE for each in candidates[: tried.index(place)]) else ""
    if known.at(*place) is None:
        return UNDEFINED
    return next((each.code for each in out if (each.target, each.provider) == place), "")


def settled(  # noqa: PLR0913, PLR0917 - where it goes depends on all of these
    session: Session | None,
    course: Course,
    request: ModelRequest,
    candidates: tuple[Candidate, ...],
    out: Sequence[Excluded],
    known: Endpoints,
) -> tuple[tuple[Candidate, ...], Course]:
    """The candidates in their last order, and the course of a conversation that is held as at its first request, with
    why the pinned place is not tried first. A request that is refused has no candidates, and moves nothing."""
    why = unpinned(session, request, candidates, out, known) if session is not None else ""
    if session is not None:
        course = course._replace(session=session.settings, unpinned=why)
    if course.reaction is None or course.reaction.kind != "swap":
        return candidates, course
    turned = swapped(candidates, session)
    moved = session is not None and session.pin is not None and turned[:1] != candidates[:1]
    return turned, course._replace(unpinned=why or DIVERGENCE) if moved else course


def swapped(candidates: Sequence[Candidate], session: Session | None) -> tuple[Candidate, ...]:
    """Those first that the conversation was never at, in their order, then those that it left longest ago. Where it is
    now, or else would be, it goes round in circles: that stays the last resort, as an answer of its is better than
    none."""
    known = session.target if session is not None else ""
    leaving = known or (candidates[0].target if candidates else "")
    been = {target: at for at, (target, _) in enumerate(session.warm if session is not None else (), 1)}
    been[leaving] = len(been) + 1
    return tuple(sorted(candidates, key=lambda each: been.get(each.target, 0)))


def place_of(candidate: Candidate) -> Place:
    return candidate.target, candidate.provider.name
