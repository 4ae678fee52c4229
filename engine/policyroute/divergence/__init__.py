"""Whether an agent goes round in circles, and what is done about it: never in the client's history."""

from policyroute.divergence.evidence import Evidence, Reaction
from policyroute.divergence.watch import NOT_WATCHED, REACTIONS, Watch

__all__ = ["NOT_WATCHED", "REACTIONS", "Evidence", "Reaction", "Watch"]
