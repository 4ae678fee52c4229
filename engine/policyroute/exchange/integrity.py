"""What an answer has to fit: the schema that the client, or a rule, demands.

Rule of this module: it is the schema that was demanded, never the one that a provider was sent. An answer that is none
in words (it calls tools, it refuses) is not measured by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from policyroute.decide.answers import Answer
from policyroute.events import REFUSING
from policyroute.failures import Failure, FailureKind
from policyroute.integrity.demanded import schema_of
from policyroute.integrity.validation import Invalid, Unusable, validator
from policyroute.request import ModelRequest


class Measured(NamedTuple):
    """`intact`: whether the answer fits, None where it was not measured. `valid` is what rules see of that: who only
    calls or refuses breaks no schema; None where nobody can tell. `found` is what is wrong."""

    intact: bool | None
    valid: bool | None
    found: Invalid | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """`check` says what is wrong with a text, and raises Unusable where it cannot tell; `hash` names the schema, empty
    where it cannot be checked; `schema` is for those who are to know it."""

    check: Callable[[str], Invalid | None]
    hash: str
    schema: Mapping[str, Any] = field(repr=False)

    def measured(self, answer: Answer) -> Measured:
        if answer.tools or answer.refused or answer.finish in REFUSING:
            return Measured(None, True)
        if answer.text is None:
            return Measured(None, None)
        try:
            found = self.check(answer.text)
        except Unusable:
            return Measured(None, None)
        return Measured(found is None, found is None, found)


def demanded(request: ModelRequest, expected: Mapping[str, Any] | None) -> Demand | None:
    """What the answer to this request has to fit: what a rule `expected`, else what the client asked for."""
    schema = schema_of(request, expected)
    if schema is None:
        return None
    try:
        made = validator(schema)
    except Unusable as unusable:
        return Demand(_cannot_tell(unusable), "", schema)
    return Demand(made.check, made.hash, schema)


def _cannot_tell(why: Unusable) -> Callable[[str], Invalid | None]:
    def check(text: str) -> Invalid | None:
        del text
        raise why

    return check


def unfit(found: Invalid) -> Failure:
    """As a failure of the attempt that gave the answer."""
    words = f"The model's answer does not fit the schema that was asked for, at {found.path} ({found.keyword})."
    return Failure(FailureKind.SCHEMA_INVALID, words, code=found.keyword)
