"""Names for what is said of a conversation, without anything that was said in it.

Rule of this module: no content: numbers, codes, ids of calls, and names of tools that are plain names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from policyroute.changes import plain
from policyroute.divergence.evidence import Evidence
from policyroute.request.prompt import Call, Turn


def tool_name(name: str) -> str:
    """`tool` where it is no plain name."""
    return name if plain(name) == name else "tool"


def marked(evidence: Evidence, turns: Sequence[Turn]) -> Evidence:
    """With a mark that is the same for the same request, and another for the next of its conversation."""
    ids = next((ids for turn in reversed(turns) if (ids := _ids(turn))), ())
    return replace(evidence, mark=mark(evidence.kind, evidence.tool, evidence.count, len(turns), *ids))


def mark(*of: object) -> str:
    return hashlib.sha256(repr(of).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _ids(turn: Turn) -> tuple[str, ...]:
    return tuple(part.id for part in turn.parts if isinstance(part, Call))
