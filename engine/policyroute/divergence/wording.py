"""What a model that goes round in circles is told.

Rule of this module: no content, so that it may stand in any record: names of tools that are plain names, and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policyroute.divergence.evidence import Evidence
from policyroute.divergence.kinds import CYCLE, MONOLOGUE, REPEATED_CALL, REPEATED_QUESTION, SAME_CALL, STEP_BACK

_SEEN: Final[Mapping[str, str]] = {
    REPEATED_CALL: "You have called the tool `{tool}` {count} times in a row with the same arguments, and its result "
    "was the same each time. Calling it again will give the same result.",
    SAME_CALL: "You have called the tool `{tool}` {count} times in a row with the same arguments, and its results did "
    "not bring you any further.",
    CYCLE: "You are going round in circles: your last steps repeat earlier ones, with the same results. The tool "
    "`{tool}` was called {count} times so, and its result was the same each time.",
    MONOLOGUE: "Your last {count} messages say nearly the same, and nothing was done in between.",
    REPEATED_QUESTION: "You have asked the user the same question {count} times, and it was answered. The answer "
    "stands in the conversation.",
    STEP_BACK: "You are going back to a step of the task that is finished already.",
}
_TALK: Final = "You are going round in circles: your last messages repeat earlier ones."
_WAY_OUT: Final[Mapping[str, str]] = {
    MONOLOGUE: "Do the next thing that brings the task further, or say that you are done, or what blocks you.",
    REPEATED_QUESTION: "Use the answer that you have, or say what is missing in it.",
    STEP_BACK: "Go on from what is done, or say why it has to be done again.",
}
_OTHERWISE: Final = (
    "Do not make the same call again. Use other arguments, or another tool; if neither can help, say that you are "
    "blocked, and by what."
)


def nudge(evidence: Evidence, level: int, left_out: int) -> str:
    """What was seen, how often it was said before, what is not shown, and the ways out. A few hundred bytes."""
    seen = _SEEN[evidence.kind] if evidence.tool or evidence.kind != CYCLE else _TALK
    said = [seen.format(tool=evidence.tool, count=evidence.count)]
    if left_out:
        said.append(f"{left_out} of the repeated calls are not shown to you any more, nor are their results.")
    if level > 1:
        said.append("You were told so before, and nothing has changed.")
    said.append(_WAY_OUT.get(evidence.kind, _OTHERWISE))
    return "\n".join(said)
