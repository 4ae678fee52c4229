"""What one budget's key has spent in one window, and what calls in flight may yet spend.

Rule of this module: values. Whoever keeps an account applies these changes one after the other, in any order of calls:
a call is held before it is made and paid when it is over, and a call that nobody pays counts as what was held for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import orjson

_FORMAT: Final = 1

FORGOTTEN: Final = 3600.0
"""Seconds after which a call counts as over though nobody has said so: its process is gone. What was held for it counts
as spent."""


class Hold(NamedTuple):
    """What a call is expected to cost, and when it began (seconds since 1970)."""

    usd: float
    at: float


@dataclass(frozen=True, slots=True)
class Account:
    """`paid_usd` is what calls cost that are over. `holds` are those in flight, by name. `warned` is the call that was
    first to reach the threshold, empty while none has."""

    paid_usd: float = 0.0
    holds: Mapping[str, Hold] = field(default_factory=dict[str, Hold])
    warned: str = ""

    @property
    def spent_usd(self) -> float:
        """With what calls in flight are expected to cost."""
        return self.paid_usd + sum(hold.usd for hold in self.holds.values())


NOTHING: Final = Account()


def held(account: Account, call: str, hold: Hold, limit_usd: float) -> Account:
    """With this call in flight: as long as less than the limit is spent, whatever the call may cost. Else as it was."""
    account = _settled(account, hold.at)
    if account.spent_usd >= limit_usd and call not in account.holds:
        return account
    return replace(account, holds={**account.holds, call: hold})


def paid(account: Account, call: str, usd: float) -> Account:
    """The call is over, and cost this."""
    holds = {name: hold for name, hold in account.holds.items() if name != call}
    return replace(account, paid_usd=account.paid_usd + usd, holds=holds)


def warned(account: Account, call: str, threshold_usd: float) -> Account:
    """Where this call is the first after which so much is paid, that is written down."""
    reached = not account.warned and account.paid_usd >= threshold_usd
    return replace(account, warned=call) if reached else account


def rejoined(account: Account, base: Account, alone: Account) -> Account:
    """The account with what somebody did who could not reach it, and went on from `base` to `alone` by himself."""
    over = base.holds.keys() - alone.holds.keys()
    holds = {name: hold for name, hold in account.holds.items() if name not in over}
    begun = {name: hold for name, hold in alone.holds.items() if name not in base.holds}
    spent = account.paid_usd + alone.paid_usd - base.paid_usd
    return Account(spent, {**holds, **begun}, account.warned or alone.warned)


def _settled(account: Account, now: float) -> Account:
    gone = {name: hold.usd for name, hold in account.holds.items() if hold.at < now - FORGOTTEN}
    if not gone:
        return account
    holds = {name: hold for name, hold in account.holds.items() if name not in gone}
    return replace(account, paid_usd=account.paid_usd + sum(gone.values()), holds=holds)


def written(account: Account) -> bytes:
    row: list[Any] = [
        _FORMAT,
        account.paid_usd,
        {name: [hold.usd, hold.at] for name, hold in account.holds.items()},
        account.warned,
    ]
    return orjson.dumps(row)


def read(row: bytes | None) -> Account:
    """Nothing spent where nothing was kept, or where it makes no sense."""
    try:
        format_, usd, holds, warned_by = orjson.loads(row or b"")
        if format_ != _FORMAT:
            return NOTHING
        return Account(float(usd), {name: Hold(*hold) for name, hold in holds.items()}, str(warned_by))
    except (ValueError, TypeError, AttributeError):
        return NOTHING
