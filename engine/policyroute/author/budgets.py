"""What a test says was spent, as a gateway would know it.

Rule of this module: as in `author.conversations`. A budget that it does not speak of is untouched.
"""

from __future__ import annotations

from collections.abc import Mapping

from policyroute.cel.expression import EvaluationError
from policyroute.ledger import Claim, Standing, Standings
from policyroute.policy.cases import Given
from policyroute.policy.report import suggestion


def standings(given: Given, claims: Mapping[str, Claim | EvaluationError]) -> Standings | None:
    """None where there are no budgets. Raises ValueError for one that no rule defines."""
    for name in given.budgets:
        if name not in claims:
            hint = suggestion(name, claims)
            raise ValueError(f"no budget is called `{name}`" + (f": {hint}" if hint else ""))
    if not claims:
        return None
    return Standings({name: _standing(given, name, claim) for name, claim in claims.items()})


def _standing(given: Given, name: str, claim: Claim | EvaluationError) -> Standing | EvaluationError:
    if isinstance(claim, EvaluationError):
        return claim
    said = given.budgets.get(name)
    return Standing(said.spent_usd if said is not None else 0.0, claim.limit_usd, claim.resets)
