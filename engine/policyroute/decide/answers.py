"""An answer as rules see it: `response` and `usage`.

Rule of this module: values, and what is said of their absence. `decide.judging` asks the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from policyroute.absent import ABSENT, Absent
from policyroute.cel.expression import EvaluationError
from policyroute.events import FinishReason, Usage
from policyroute.policy.model import Price, Rule

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, its words out of its repr. `text` is None where it is longer than is kept; `tools` are the
    names of those it calls; `usage` is None where the provider did not say; `schema_valid`: it breaks no schema that
    was demanded, None where nobody can tell."""

    finish: FinishReason
    refused: bool
    text: str | None = field(repr=False)
    tools: tuple[str, ...] = ()
    usage: Usage | None = None
    schema_valid: bool | None = True


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The rules that may match the answer, as far as its request can tell. `words`: some of them read its text."""

    rules: tuple[Rule, ...]
    words: bool


class ToolFacts(NamedTuple):
    name: str


class ResponseFacts:
    """`response`."""

    def __init__(self, answer: Answer) -> None:
        self.finish_reason = answer.finish.value
        self.refused = answer.refused
        self._schema_valid = answer.schema_valid
        self.tool_calls = tuple(ToolFacts(name) for name in answer.tools)
        self._text = answer.text

    @property
    def schema_valid(self) -> bool:
        """Raises EvaluationError where nobody can tell."""
        if self._schema_valid is None:
            raise EvaluationError("the answer cannot be held against its schema")
        return self._schema_valid

    @property
    def text(self) -> str:
        """Raises EvaluationError where the text is too long to be judged."""
        if self._text is None:
            raise EvaluationError("the answer is too long")
        return self._text


class UsageFacts:
    """`usage`, at the price of the target that answered."""

    def __init__(self, usage: Usage | None, price: Price) -> None:
        self.input_tokens: int | Absent = ABSENT if usage is None else usage.input
        self.output_tokens: int | Absent = ABSENT if usage is None else usage.output
        self.cached_input_tokens: int | Absent = ABSENT if usage is None else usage.cached_input
        self.cache_write_tokens: int | Absent = ABSENT if usage is None else usage.cache_write
        self.reasoning_tokens: int | Absent = ABSENT if usage is None else usage.reasoning
        self.cost_usd: float | Absent = ABSENT if usage is None else cost_usd(usage, price)


def cost_usd(usage: Usage, price: Price) -> float | Absent:
    """What the tokens cost. A kind of input that has no price of its own costs as much as any other."""
    price = price.served(usage.input, usage.tier)
    if isinstance(price.input, Absent) or isinstance(price.output, Absent):
        return ABSENT
    cached = price.input if isinstance(price.cached_input, Absent) else price.cached_input
    written = price.input if isinstance(price.cache_write, Absent) else price.cache_write
    # Some say that more was cached than was asked: no token is paid for twice.
    read = min(usage.cached_input, usage.input)
    kept = min(usage.cache_write, usage.input - read)
    spent = (usage.input - read - kept) * price.input + read * cached + kept * written
    return (spent + usage.output * price.output) / _MILLION
