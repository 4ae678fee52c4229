"""What can be seen of an agent that goes round in circles, by code, and which tools are called again by their nature.

Rule of this module: names and words; docs/divergence.md explains each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from policyroute.divergence.watch import Watch
from policyroute.request.prompt import Call

REPEATED_CALL: Final = "repeated_call"
SAME_CALL: Final = "same_call"
CYCLE: Final = "cycle"
MONOLOGUE: Final = "monologue"
REPEATED_QUESTION: Final = "repeated_question"
STEP_BACK: Final = "step_back"
KINDS: Final = (REPEATED_CALL, SAME_CALL, CYCLE, MONOLOGUE, REPEATED_QUESTION, STEP_BACK)

_PATIENT: Final = 3
"""How many times as often a tool may be called that polls."""
_PAGING: Final = re.compile(r"(?<![a-z])(?:scroll|page|paginate|next|more|previous|back|forward|down|up)(?![a-z])")
"""Calls that give something else each time, or should."""
_SLEEPS: Final = re.compile(r"\bsleep[ (]+\d|\bwatch -n|\btail -[fF]\b")
_SEEN: Final = 256
"""Characters of the arguments in which such words are looked for."""
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[^a-z0-9]+")


def most(calls: Sequence[Call], watch: Watch) -> int:
    """How often the same may be done until it is a loop."""
    return watch.repeats * (_PATIENT if any(_polls(call, watch) for call in calls) else 1)


def _polls(call: Call, watch: Watch) -> bool:
    name = _spelled(call.name)
    return any(_spelled(word) in name for word in watch.polling) or bool(_SLEEPS.search(call.arguments[:_SEEN]))


def _spelled(name: str) -> str:
    """In small letters, a `_` before and after each word: `getJobStatus` is `_get_job_status_`."""
    return f"_{_BETWEEN.sub('_', _HUMP.sub('_', name).lower()).strip('_')}_"


def pages(calls: Sequence[Call]) -> bool:
    return any(_PAGING.search(f"{_HUMP.sub('_', call.name)} {call.arguments[:_SEEN]}".lower()) for call in calls)
