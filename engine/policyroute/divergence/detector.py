"""Whether a conversation goes round in circles at its end.

Rule of this module: pure, and it says names of tools and numbers only.
"""

from __future__ import annotations

from policyroute.divergence.evidence import Evidence
from policyroute.divergence.watch import Watch
from policyroute.request.prompt import Prompt


def watched(prompt: Prompt, watch: Watch) -> Evidence | None:
    """What shows that it does; None where nothing does."""
    return None
