"""What requests take of budgets: looked up before a decision, held before a call, paid when it is over.

Rule of this module: a call is held in every budget that applies to it before a provider hears of it, and paid before
its client sees the end of the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from policyroute.cel.expression import EvaluationError
from policyroute.decide.budgets import exceeded, expected_usd
from policyroute.decide.decision import Decision
from policyroute.dialects import ClientError
from policyroute.ledger import FORGOTTEN, Account, Claim, Hold, Standing, Standings, held, paid, warned
from policyroute.record import ExchangeRecord
from policyroute_asgi.accounts import Accounts, Change
from policyroute_asgi.load import Refused
from policyroute_asgi.money import Money
from policyroute_asgi.state.store import StateStore

logger = logging.getLogger("policyroute.edge")

Claims = Mapping[str, Claim | EvaluationError]
_ALL: Final = float("inf")


class Budgets:
    """All requests', in the store."""

    def __init__(self, store: StateStore, money: Money) -> None:
        self._accounts = Accounts(store)
        self._money = money

    async def standings(self, claims: Claims, tenant: str) -> Standings:
        """How the budgets of a request stand."""
        return Standings({name: await self._standing(claim, tenant) for name, claim in claims.items()})

    async def _standing(self, claim: Claim | EvaluationError, tenant: str) -> Standing | EvaluationError:
        if isinstance(claim, EvaluationError):
            return claim
        account = await self._accounts.read(_key(claim, tenant))
        return Standing(account.spent_usd, claim.limit_usd, claim.resets)

    async def hold(self, decision: Decision, claims: Claims, tenant: str, now: float) -> Purse:
        """A call begins (`now`: seconds since 1970). Raises Refused where one of its budgets is used up."""
        found = [claim for name in decision.budgets if isinstance(claim := claims[name], Claim)]
        purse = Purse(self, tenant, decision.id, found)
        hold = Hold(expected_usd(decision), now)
        for number, claim in enumerate(found):
            limit = claim.limit_usd if claim.denies else _ALL
            change = partial(held, call=decision.id, hold=hold, limit_usd=limit)
            account = await self.change(claim, tenant, change, now)
            if decision.id not in account.holds:
                Purse(self, tenant, decision.id, found[:number]).over(None)
                self._money.refused(claim.budget)
                standing = Standing(account.spent_usd, claim.limit_usd, claim.resets)
                denial = exceeded(claim.rule, claim.budget, standing)
                raise Refused(ClientError.of_denial(denial.status, denial.code, denial.message))
        return purse

    async def change(self, claim: Claim, tenant: str, change: Change, now: float) -> Account:
        return await self._accounts.change(_key(claim, tenant), change, _ttl(claim, now))

    async def pay(self, claim: Claim, tenant: str, call: str, usd: float) -> None:
        account = await self.change(claim, tenant, partial(_paid, call=call, usd=usd, claim=claim), claim.begins)
        if account.warned == call:
            self._money.warned(claim.budget)
            said = "budget %s of tenant %s: $%.2f of $%g is spent (decision %s)"
            logger.warning(said, claim.budget, tenant, account.paid_usd, claim.limit_usd, call)

    def pay_later(self, claim: Claim, tenant: str, call: str, usd: float) -> None:
        """The same where nobody waits: whoever pays next sees whether the threshold is reached."""
        change = partial(paid, call=call, usd=usd)
        self._accounts.change_later(_key(claim, tenant), change, _ttl(claim, claim.begins))


class Purse:
    """What one call takes of its budgets."""

    def __init__(self, budgets: Budgets, tenant: str, call: str, claims: Sequence[Claim]) -> None:
        self._budgets = budgets
        self._tenant = tenant
        self._call = call
        self._claims = claims

    async def settle(self, record: ExchangeRecord | None) -> None:
        """The call is over, and its attempts cost what the record says. Once."""
        claims, self._claims = self._claims, ()
        for claim in claims:
            await self._budgets.pay(claim, self._tenant, self._call, _cost(record))

    def over(self, record: ExchangeRecord | None) -> None:
        """The same where nobody waits."""
        claims, self._claims = self._claims, ()
        for claim in claims:
            self._budgets.pay_later(claim, self._tenant, self._call, _cost(record))


def _cost(record: ExchangeRecord | None) -> float:
    return sum(attempt.cost_usd or 0.0 for attempt in record.attempts) if record is not None else 0.0


def _ttl(claim: Claim, now: float) -> float:
    """An hour longer than the window, for calls that end after it."""
    return max(claim.resets - now, 0.0) + FORGOTTEN


def _paid(account: Account, call: str, usd: float, claim: Claim) -> Account:
    return warned(paid(account, call, usd), call, claim.warn * claim.limit_usd)


def _key(claim: Claim, tenant: str) -> str:
    return f"{tenant}\0{claim.budget}\0{claim.key}\0{claim.begins:.0f}"
