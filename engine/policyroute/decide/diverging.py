"""What is done about a conversation that goes round in circles, where a rule has it watched.

Rule of this module: a request that is too short for circles is not looked through.
"""

from __future__ import annotations

from typing import Final

from policyroute.decide import denial
from policyroute.decide.decision import Course, Denial
from policyroute.divergence import reaction, watched
from policyroute.request import ModelRequest, Operation
from policyroute.sessions import Session

_FEWEST: Final = 3
"""Steps of a model that may be a circle, unless fewer repeats are one."""


def reacted(request: ModelRequest, course: Course, session: Session | None) -> tuple[Course, Denial | None]:
    """The course with what is to be done, if anything, and the denial where that is to end it. What was done about the
    conversation before is kept with it."""
    watch = course.watch
    fewest = min(_FEWEST, watch.repeats)
    if request.operation is not Operation.CHAT or request.steps(fewest) < fewest:
        return course, None
    evidence = watched(request.prompt, watch)
    if evidence is None:
        return course, None
    level, mark = (session.divergence, session.mark) if session is not None else (0, "")
    found = reaction(evidence, watch, level, mark)
    return course._replace(reaction=found), denial.diverged(evidence) if found.kind == "stop" else None
