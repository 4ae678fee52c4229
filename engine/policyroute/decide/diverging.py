"""What is done about a conversation that goes round in circles, where a rule has it watched.

Rule of this module: a request that is too short for circles is not looked through.
"""

from __future__ import annotations

from typing import Final

from policyroute.decide import denial
from policyroute.decide.decision import Course, Denial
from policyroute.divergence import Evidence, Watch, reaction, task_step, watched, went_back
from policyroute.request import ModelRequest, Operation
from policyroute.sessions import Session

_FEWEST: Final = 3
"""Steps of a model that may be a circle, unless fewer repeats are one."""


def reacted(request: ModelRequest, course: Course, session: Session | None) -> tuple[Course, Denial | None]:
    """The course with what is to be done, if anything, and the denial where that is to end it. What was done about the
    conversation before is kept with it."""
    if request.operation is not Operation.CHAT:
        return course, None
    evidence = _seen(request, course.watch) or _back(request, session)
    if evidence is None:
        return course, None
    level, mark = (session.divergence, session.mark) if session is not None else (0, "")
    found = reaction(evidence, course.watch, level, mark)
    return course._replace(reaction=found), denial.diverged(evidence) if found.kind == "stop" else None


def _seen(request: ModelRequest, watch: Watch) -> Evidence | None:
    fewest = min(_FEWEST, watch.repeats)
    return watched(request.prompt, watch) if request.steps(fewest) >= fewest else None


def _back(request: ModelRequest, session: Session | None) -> Evidence | None:
    named = task_step(request.headers) if session is not None and session.furthest else None
    return went_back(session.furthest, *named) if session is not None and named is not None else None
