"""The effects `session` and `divergence`, resolved.

Rule of this module: what says which conversation a request belongs to reads nothing that is only known of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policyroute.cel import Demand, Expression
from policyroute.cel.types import STRING
from policyroute.policy.actions import Conversing, Diverging
from policyroute.policy.conversing import DivergenceSpec, SessionSpec
from policyroute.policy.routes import Scope
from policyroute.policy.tree import File, Path

_KEY: Final = Demand(STRING)
_WARMTH: Final = frozenset({"cache_warm", "est_cost_usd"})
"""The fields of a target that rest on the conversation."""


def session(spec: SessionSpec, file: File, path: Path, scope: Scope) -> Conversing:
    key = None
    if spec.key is not None:
        place = (*path, "key")
        key = scope.expressions.compile(file, place, _KEY)
        if key is not None:
            check_finds(key, file, place, scope)
    return Conversing(key, spec.pin, spec.max_wait, spec.back, spec.ttl)


def divergence(spec: DivergenceSpec) -> Diverging:
    return Diverging(
        tuple(spec.react) if spec.react is not None else None,
        spec.repeats,
        tuple(dict.fromkeys(spec.polling)) if spec.polling is not None else None,
    )


def check_finds(expression: Expression, file: File, path: Path, scope: Scope) -> None:
    """Report what it reads of the conversation that it is to find."""
    for read in sorted(_read(expression, scope.variables)):
        if _of_conversation(read):
            by = "" if read in expression.reads else " (a variable reads it)"
            message = f"`{read}`{by} is not known before the conversation is found, and this finds it"
            hint = "ask the request and the client; of the session only `session.id`, which the client says"
            scope.error("session-not-yet", message, file, path, hint)


def _read(expression: Expression, variables: Mapping[str, Expression]) -> set[str]:
    """What it may read, through the policy's variables too."""
    found: set[str] = set()
    left = [expression]
    while left:
        new = left.pop().reads - found
        found |= new
        left += [variables[name] for read in new if (name := _variable(read)) in variables]
    return found


def _variable(read: str) -> str:
    root, _, rest = read.partition(".")
    return rest.partition(".")[0] if root == "variables" else ""


def _of_conversation(read: str) -> bool:
    root, _, rest = read.partition(".")
    if root == "session":
        return rest != "id"
    if root == "budgets":
        return True
    return root == "targets" and rest.rpartition(".")[2] in _WARMTH
