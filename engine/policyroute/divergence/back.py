"""Going back to a step that was finished: what a client says of its task's steps (`X-Task-Step`) is what counts.

Rule of this module: a step is known by its number; the one that was finished last may be gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policyroute.divergence.evidence import Evidence
from policyroute.divergence.kinds import STEP_BACK
from policyroute.divergence.marks import mark

_LONGEST: Final = 128
"""Characters of a task's name that tell it from others."""


def task_step(headers: Mapping[str, str]) -> tuple[str, int] | None:
    """The task and the number of its step that a client says (`X-Task-ID`, `X-Task-Step: 2/3 Execute`), header names in
    small letters; None where it numbers none."""
    step = _step_number(headers.get("x-task-step", ""))
    return (headers.get("x-task-id", "")[:_LONGEST].strip(), step) if step else None


def _step_number(step: str) -> int:
    """Of `2/3 Execute` it is 2, of `2` too; 0 where it has none."""
    words = step.partition("/")[0].split()
    number = words[0] if words else ""
    return int(number) if number.isdecimal() and len(number) < 10 else 0


def went_back(furthest: Mapping[str, int], task: str, step: int) -> Evidence | None:
    """Evidence where a later step of this task is finished. What is done again after that is the same going back: it
    is not counted twice."""
    reached = furthest.get(task, 0)
    if not 0 < step < reached:
        return None
    return Evidence(STEP_BACK, count=reached - step, steps=(step, reached), mark=mark(STEP_BACK, task, reached))
