"""Which optional fields are known to be there, in which part of a condition.

`has(x.y) && x.y > 1` reads `x.y` only where it matters, and so does `!has(x.y) || x.y > 1`. Since CEL lets one side of
`&&` and `||` decide whatever the other is, the order of the sides does not matter. Rule of this module: form only. A
path is known to be there if it is written so; nothing is concluded from values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from policyroute.cel.syntax import Call, Ident, Literal, Node, Select

Paths = frozenset[str]
NONE: Paths = frozenset()


def path_of(node: Node) -> str | None:
    """`request.params.seed`, also where a part is written `["seed"]`; None for anything that is not a plain path."""
    match node:
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field, test=False):
            return _within(path_of(operand), field)
        case Call(function="_[_]", args=(operand, Literal(value=str() as key))):
            return _within(path_of(operand), key)
        case _:
            return None


def _within(path: str | None, field: str) -> str | None:
    return None if path is None else f"{path}.{field}"


def present_if_true(node: Node) -> Paths:
    """The paths that are there if the condition is true."""
    return _present(node, True)


def present_if_false(node: Node) -> Paths:
    return _present(node, False)


def _present(node: Node, outcome: bool) -> Paths:
    match node:
        case Select(test=True, operand=operand, field=field) if outcome:
            return _with_owners(_within(path_of(operand), field))
        case Call(function="@in", args=(Literal(value=str() as key), container)) if outcome:
            return _with_owners(_within(path_of(container), key))
        case Call(function="!_", args=(inner,)):
            return _present(inner, not outcome)
        case Call(function="_&&_" | "_||_", args=args):
            every = (node.function == "_&&_") is outcome
            parts = [_present(arg, outcome) for arg in args]
            return NONE.union(*parts) if every else parts[0].intersection(*parts)
        case _:
            return NONE


def _with_owners(path: str | None) -> Paths:
    """What has a field is there itself."""
    if path is None:
        return NONE
    parts = path.split(".")
    return frozenset(".".join(parts[:count]) for count in range(1, len(parts) + 1))


def beside(args: Sequence[Node], index: int, present: Callable[[Node], Paths]) -> Paths:
    """What the other sides of an `&&` or `||` say is there, where this side matters."""
    return NONE.union(*(present(arg) for n, arg in enumerate(args) if n != index))


def without(paths: Paths, name: str) -> Paths:
    """The paths that do not begin with this name: a macro's variable hides what was called so outside."""
    return frozenset(path for path in paths if path.split(".")[0] != name)
