"""What an attempt cost: its tokens, at the price of the target that was asked.

Rule of this module: it goes by the attempt's record alone, so that log, metrics and ledger say the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyroute.absent import Absent
from policyroute.decide.answers import cost_usd
from policyroute.decide.decision import Candidate
from policyroute.events import Usage
from policyroute.policy.model import Price
from policyroute.record import AttemptRecord


def cost_of(attempt: AttemptRecord, price: Price) -> float | None:
    """In USD. None where it has no price, or nobody knows its tokens, as of an attempt of which nothing came."""
    if attempt.input_tokens is None and attempt.output_tokens is None:
        return None
    usage = Usage(
        attempt.input_tokens or 0,
        attempt.output_tokens or 0,
        attempt.cached_input_tokens or 0,
        attempt.cache_write_tokens or 0,
        tier=attempt.tier,
    )
    cost = cost_usd(usage, price)
    return None if isinstance(cost, Absent) else cost


def unswapped_usd(last: AttemptRecord, left: tuple[str, str], candidates: Iterable[Candidate]) -> float | None:
    """What the last attempt's tokens would have cost at the first choice that was `left` (target and provider), cached
    ones as the last one told of them. None where that has no price, or nobody knows the tokens."""
    price = next((each.spec.price for each in candidates if (each.target, each.provider.name) == left), None)
    return None if price is None else cost_of(last, price)
