"""What overrides that come while a request is under way make of who is asked next.

Rule of this module: only what has come since the decision orders again; the decision has seen the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from policyroute.decide.decision import Candidate
from policyroute.decide.overrides import NONE_IN_FORCE, Overrides
from policyroute.decide.steering import put_first
from policyroute_asgi.telemetry import Served


def arranged(served: Served, now: Callable[[], Overrides], later: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Those who were not asked yet, in the order that an operator wants by now; what did that is noted."""
    grounds = served.decision.grounds if served.decision is not None else None
    decided, current = grounds.facts.state.overrides if grounds is not None else NONE_IN_FORCE, now()
    if current is decided:
        return later
    new = Overrides(each for each in current.every if each not in decided.every)
    order = put_first(new, later)
    if order is not later:
        served.overrides += new.of([each.target for each in order], ())
        if served.sitting is not None:
            served.sitting.overridden = True
    return order
