"""Whether an agent goes round in circles, and what is done about it: never in the client's history."""

from policyroute.divergence.back import task_step, went_back
from policyroute.divergence.evidence import Evidence, Reaction
from policyroute.divergence.kinds import KINDS
from policyroute.divergence.reacting import quoted, reacted, reaction
from policyroute.divergence.tail import Tail
from policyroute.divergence.watch import NOT_WATCHED, ReactionKind, Watch
from policyroute.divergence.watching import watched

__all__ = [
    "KINDS",
    "NOT_WATCHED",
    "Evidence",
    "Reaction",
    "ReactionKind",
    "Tail",
    "Watch",
    "quoted",
    "reacted",
    "reaction",
    "task_step",
    "watched",
    "went_back",
]
