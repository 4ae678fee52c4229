"""What an answer has to fit: the schema that the client, or a rule, demands.

Rule of this module: it is the schema that was demanded, never the one that a provider was sent. An answer that is none
in words (it calls tools, it refuses) is not measured by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policyroute.decide.answers import Answer
from policyroute.events import REFUSING
from policyroute.failures import Failure, FailureKind
from policyroute.schemas.validation import Invalid


@dataclass(frozen=True, slots=True)
class Demand:
    """`check` says what is wrong with a text; `hash` names the schema."""

    check: Callable[[str], Invalid | None]
    hash: str

    def measured(self, answer: Answer) -> tuple[bool | None, Invalid | None]:
        """Whether the answer fits, None where that cannot be said, and what is wrong with it."""
        if answer.text is None or answer.tools or answer.refused or answer.finish in REFUSING:
            return None, None
        found = self.check(answer.text)
        return found is None, found


def unfit(found: Invalid) -> Failure:
    """As a failure of the attempt that gave the answer."""
    words = f"The model's answer does not fit the schema that was asked for, at {found.path} ({found.keyword})."
    return Failure(FailureKind.SCHEMA_INVALID, words, code=found.keyword)
