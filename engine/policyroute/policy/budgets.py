"""The effect `budget`, resolved.

Rule of this module: a budget has one name and one definition, for what is spent is counted under its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policyroute.cel import Demand
from policyroute.cel.types import STRING
from policyroute.ledger import Window
from policyroute.policy.actions import Budget
from policyroute.policy.budgeting import BudgetSpec
from policyroute.policy.routes import Scope
from policyroute.policy.tree import File, Path, dotted

_KEY: Final = Demand(STRING)


def budget(spec: BudgetSpec, file: File, path: Path, scope: Scope) -> Budget:
    window = Window(spec.window, spec.tz)
    try:
        window.of(0.0)
    except ValueError as error:
        place = (*path, "tz")
        scope.report.error("bad-time-zone", str(error), file.span(place), path=dotted(place))
    per = scope.expressions.compile(file, (*path, "per"), _KEY) if spec.per is not None else None
    for read in sorted(per.reads) if per is not None else ():
        if read.startswith("budgets."):
            hint = "ask the request, the client and the session"
            scope.error("budget-not-yet", f"`{read}` is not known before this is", file, (*path, "per"), hint)
    return Budget(spec.name, spec.limit_usd, window, per, spec.warn, denies=spec.then == "deny")


def report_twice(placed: Iterable[tuple[Budget, File, Path]], scope: Scope) -> None:
    """Report a name that several rules define."""
    seen: set[str] = set()
    for each, file, path in placed:
        place = (*path, "budget", "name")
        if each.name in seen:
            hint = "give it another name, or write one rule with both conditions"
            message = f"the budget `{each.name}` is defined twice"
            scope.report.error("budget-twice", message, file.span(place), hint=hint, path=dotted(place))
        seen.add(each.name)
