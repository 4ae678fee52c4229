"""Who is asked about an answer before the client has all of it.

Rule of this module: the machine knows no rules. It shows the answer, and is told what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policyroute.decide.answers import Answer
from policyroute.decide.decision import Candidate
from policyroute.decide.judging import Verdict


@dataclass(frozen=True, slots=True)
class Review:
    """`of` is told who answered, and what. `words`: it wants the text too."""

    of: Callable[[Candidate, Answer], Verdict]
    words: bool = False
