"""Questions that are asked again though the user has answered them.

Rule of this module: what the user says begins nothing anew here; a question is asked anew where the answer was another
one, or where something new was done in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policyroute.divergence.evidence import Evidence
from policyroute.divergence.kinds import REPEATED_QUESTION
from policyroute.divergence.marks import marked
from policyroute.divergence.sameness import Said, alike, said_by, shared, spoken
from policyroute.divergence.steps import Step, steps, words
from policyroute.divergence.watch import Watch
from policyroute.request.prompt import Call, Text, Turn

_NEARLY: Final = 0.9
_ANSWERED: Final = 0.5
"""How many of the words of an answer are those of the one before where it is the same."""


def asks_again(turns: Sequence[Turn], watch: Watch, most: int) -> Evidence | None:
    """Of the last so many steps, whatever the user said between them."""
    if not _asks(turns):
        return None
    recent = steps(turns)
    asked = _Asked()
    for at, step in enumerate(recent[-most:], max(0, len(recent) - most) + 1):
        asked.goes_on(at, step, _answer(turns, step))
    if len(asked.again) < 2 or asked.again[-1] != len(recent):
        return None
    count = len(asked.again)
    return marked(Evidence(REPEATED_QUESTION, "", count, tuple(asked.again), times=count - 1), turns)


def _asks(turns: Sequence[Turn]) -> bool:
    """Whether the assistant's last turn asks and does nothing else: at a glance."""
    last = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    if last is None or any(isinstance(part, Call) for part in last.parts):
        return False
    return any(isinstance(part, Text) and "?" in part.text for part in last.parts)


def _answer(turns: Sequence[Turn], step: Step) -> str:
    said = [words(turn) for turn in turns[step.first : step.last] if turn.role == "user"]
    return spoken(" ".join(said))


class _Asked:
    """`again`: at which steps the last question was asked, the first time included."""

    def __init__(self) -> None:
        self.again: list[int] = []
        self._question = self._answer = ""
        self._done: set[Said] = set()

    def goes_on(self, at: int, step: Step, answer: str) -> None:
        if step.calls:
            calls = {said_by(call) for call in step.calls}
            if not calls <= self._done:
                self._question = ""
            self._done |= calls
            return
        question = spoken(step.text)
        if "?" not in question or not answer:
            self._question = ""
            return
        same = bool(self._question) and alike(question, self._question, _NEARLY)
        if same and "?" not in self._answer and shared(answer, self._answer) >= _ANSWERED:
            self.again.append(at)
        else:
            self.again = [at]
        self._question, self._answer = question, answer
