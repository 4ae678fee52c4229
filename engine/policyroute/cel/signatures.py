"""What a CEL function is, as a value: its name, its overloads, its implementation and one line of documentation.

Rule of this module: a function is pure. An implementation is only called with arguments of one of its overloads, so it
checks no types; `Function.call` is the strict way in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from policyroute.cel.expression import EvaluationError
from policyroute.cel.operations import NO_OVERLOAD, kind
from policyroute.cel.types import Kind, Type


class Form(Enum):
    """How a function is written: `size(x)`, `x.size()`, or both; operators have notations of their own."""

    FUNCTION = "function"
    METHOD = "method"
    BOTH = "both"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Overload:
    """Argument types, the receiver of a method first, and what comes of them.

    `derive` gives the result type where it depends on the arguments' types, None where they do not fit. `rest`: any
    number more of the last.
    """

    params: tuple[Type, ...]
    result: Type
    derive: Callable[[tuple[Type, ...]], Type | None] | None = None
    rest: bool = False

    def param(self, index: int) -> Type:
        return self.params[min(index, len(self.params) - 1)]

    def takes(self, count: int) -> bool:
        return count >= len(self.params) if self.rest else count == len(self.params)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """`literal` names the arguments (by position, receiver 0) that have to be literals, and what each is made into.

    A maker raises ValueError, in words for the author, for a literal that is no good; `run` gets what the maker made.
    `folds`: a call of literals alone is evaluated when the policy is loaded.
    """

    name: str
    group: str
    doc: str
    overloads: tuple[Overload, ...]
    run: Callable[..., Any]
    form: Form = Form.FUNCTION
    literal: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict[int, Callable[[Any], Any]])
    folds: bool = True

    def accepts(self, kinds: Sequence[Kind]) -> bool:
        """Whether an overload is certainly for arguments of these kinds."""
        return any(_fits(overload, kinds) for overload in self.overloads)

    def call(self, args: Sequence[Any]) -> Any:
        """Find the overload by the arguments' values and run it. `no such overload` where there is none."""
        if not self.accepts([kind(arg) for arg in args]):
            raise EvaluationError(NO_OVERLOAD)
        made = [self.literal[n](arg) if n in self.literal else arg for n, arg in enumerate(args)]
        return self.run(*made)


def _fits(overload: Overload, kinds: Sequence[Kind]) -> bool:
    return overload.takes(len(kinds)) and all(
        overload.param(n).kind in (Kind.DYN, given) for n, given in enumerate(kinds)
    )
