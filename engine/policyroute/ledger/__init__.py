"""What was spent: accounts, windows of time, and how a budget stands."""

from policyroute.ledger.account import FORGOTTEN, NOTHING, Account, Hold, held, paid, read, rejoined, warned, written
from policyroute.ledger.standing import UNKNOWN, Claim, Standing, Standings
from policyroute.ledger.window import Window

__all__ = [
    "FORGOTTEN",
    "NOTHING",
    "UNKNOWN",
    "Account",
    "Claim",
    "Hold",
    "Standing",
    "Standings",
    "Window",
    "held",
    "paid",
    "read",
    "rejoined",
    "warned",
    "written",
]
