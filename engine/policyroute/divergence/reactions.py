"""What is done about a conversation that goes round in circles.

Rule of this module: it escalates from one sign to the next, and never goes back by itself.
"""

from __future__ import annotations

from policyroute.divergence.evidence import Evidence, Reaction
from policyroute.divergence.watch import Watch


def reaction(evidence: Evidence, watch: Watch, level: int, mark: str) -> Reaction:
    """`level` and `mark` are those stored with the conversation: the same mark again does not escalate."""
    reached = level if mark == evidence.mark and level else level + 1
    return Reaction(watch.react[min(reached, len(watch.react)) - 1], reached, evidence)
