"""The exact interpreter: what an expression means, said as plainly as possible.

It is asked when compiled code has raised, because only then can CEL's rule matter that `&&` and `||` forgive an error
on one side, and it is the oracle of the compiler's tests. Rule of this module: obviously right before fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.cel import operations
from policyroute.cel.expression import EvaluationError, Facts
from policyroute.cel.functions import FUNCTIONS
from policyroute.cel.operations import NO_OVERLOAD
from policyroute.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select
from policyroute.cel.types import Kind

MAX_STEPS: Final = 20_000
"""How many elements the macros of one evaluation may look at together: what an event loop can spare for a condition
that errs. Compiled code, which is asked first, goes further."""

_Scope = dict[str, Any]


def evaluate(tree: Node, facts: Facts, flat: Set[str] = frozenset()) -> Any:
    """The value of a checked tree over the facts. Raises EvaluationError with the place of the part that erred.

    `flat`: the roots whose fields are attributes of the facts themselves (`request.model` is `facts.request_model`).
    """
    return _Evaluation(facts, flat).value(tree, {})


class _Evaluation:
    def __init__(self, facts: Facts, flat: Set[str]) -> None:
        self.facts = facts
        self.flat = flat
        self.steps = 0

    def value(self, node: Node, scope: _Scope) -> Any:
        """The node's value. The innermost part that errs is the one that is named."""
        try:
            return operations.present(_MEANINGS[type(node)](self, node, scope))
        except EvaluationError as error:
            if error.start is None:
                error.start, error.end = node.start, node.end
            raise

    def each(self, nodes: Iterable[Node], scope: _Scope) -> list[Any]:
        return [self.value(node, scope) for node in nodes]

    def literal(self, node: Literal, scope: _Scope) -> Any:
        return node.value

    def ident(self, node: Ident, scope: _Scope) -> Any:
        return scope[node.name] if node.name in scope else getattr(self.facts, node.name)

    def select(self, node: Select, scope: _Scope) -> Any:
        found = self.field(node, scope)
        if node.test:
            return found is not ABSENT
        return found

    def field(self, node: Select, scope: _Scope) -> Any:
        """The field or key, or ABSENT. In `has(a.b.c)` an absent record `a.b` has no fields."""
        operand = node.operand
        if isinstance(operand, Ident) and operand.name in self.flat and operand.name not in scope:
            return getattr(self.facts, f"{operand.name}_{node.field}")
        if operand.type.kind is Kind.RECORD:
            if node.test and isinstance(operand, Select):
                owner = self.field(operand, scope)
                return ABSENT if owner is ABSENT else getattr(owner, node.field)
            return getattr(self.value(operand, scope), node.field)
        owner = self.value(operand, scope)
        if operations.kind(owner) is not Kind.MAP:
            raise EvaluationError(NO_OVERLOAD)
        if node.test:
            return True if operations.contains(node.field, owner) else ABSENT
        return self.key(operand, owner, node.field)

    def key(self, operand: Node, owner: Any, key: Any) -> Any:
        if operand.type.total and key not in owner:
            return ""
        return operations.index(owner, key)

    def call(self, node: Call, scope: _Scope) -> Any:
        if node.function in ("_&&_", "_||_"):
            return self.junction((self.judged(arg, scope) for arg in node.args), node.function == "_||_")
        if node.function == "_?_:_":
            condition, then, otherwise = node.args
            return self.value(then if operations.truth(self.value(condition, scope)) else otherwise, scope)
        args = self.each((*((node.target,) if node.target else ()), *node.args), scope)
        if node.function == "_[_]" and node.args[0].type.total:
            return self.key(node.args[0], *args)
        return FUNCTIONS[node.function].call(args)

    def judged(self, node: Node, scope: _Scope) -> bool | EvaluationError:
        """A condition's truth, or the error instead of it."""
        try:
            return operations.truth(self.value(node, scope))
        except EvaluationError as error:
            if error.start is None:
                error.start, error.end = node.start, node.end
            return error

    def junction(self, terms: Iterator[bool | EvaluationError], decisive: bool) -> bool:
        """One decisive term decides, whatever the others are; without it the first error stands."""
        error: EvaluationError | None = None
        for term in terms:
            if isinstance(term, EvaluationError):
                if term.reason == _TOO_MANY:
                    raise term
                error = error or term
            elif term is decisive:
                return decisive
        if error is not None:
            raise error
        return not decisive

    def list_literal(self, node: ListNode, scope: _Scope) -> Any:
        return self.each(node.items, scope)

    def map_literal(self, node: MapNode, scope: _Scope) -> Any:
        return operations.new_map([(self.value(key, scope), self.value(item, scope)) for key, item in node.entries])

    def comprehension(self, node: Comprehension, scope: _Scope) -> Any:
        elements = self.value(node.range, scope)
        if operations.kind(elements) not in (Kind.LIST, Kind.MAP):
            raise EvaluationError(NO_OVERLOAD)
        scopes = self.stepped(node, elements, scope)
        if node.kind in ("all", "exists"):
            return self.junction((self.judged(node.body, inner) for inner in scopes), node.kind == "exists")
        if node.kind == "exists_one":
            return sum([operations.truth(self.value(node.body, inner)) for inner in scopes]) == 1
        if node.kind == "filter":
            return [inner[node.variable] for inner in scopes if operations.truth(self.value(node.body, inner))]
        return [self.value(node.body, inner) for inner in scopes if self.wanted(node, inner)]

    def wanted(self, node: Comprehension, scope: _Scope) -> bool:
        return node.condition is None or operations.truth(self.value(node.condition, scope))

    def stepped(self, node: Comprehension, elements: Iterable[Any], scope: _Scope) -> Iterator[_Scope]:
        inner = dict(scope)
        for element in elements:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise EvaluationError(_TOO_MANY)
            inner[node.variable] = element
            yield inner


_TOO_MANY: Final = "too many steps"

_MEANINGS: Final[dict[type[Node], Callable[[_Evaluation, Any, _Scope], Any]]] = {
    Literal: _Evaluation.literal,
    Ident: _Evaluation.ident,
    Select: _Evaluation.select,
    Call: _Evaluation.call,
    ListNode: _Evaluation.list_literal,
    MapNode: _Evaluation.map_literal,
    Comprehension: _Evaluation.comprehension,
}
