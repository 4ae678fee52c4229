"""What shows that a conversation goes round in circles, and what is done about it.

Rule of this module: values. No content: names of tools, numbers and codes; what the model is told stays out of `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of a conversation whose last step goes round. `kind` is a code (docs/divergence.md), `tool` the tool that is
    called, empty where it is none. `count`: how often it was done; `steps`: at which steps, counted from 1 over the
    request's history. `unchanged`: with the same result each time. `times`: at how many steps of this history so far
    the same could be said; `mark` names this one, so that it is not counted twice. `call` is the one that is called
    again and `spare` are those that a model need not be shown, with their results: by their places among all calls of
    the prompt, from 0; -1 where there is none."""

    kind: str
    tool: str = ""
    count: int = 0
    steps: tuple[int, ...] = ()
    unchanged: bool = False
    times: int = 1
    mark: str = ""
    call: int = -1
    spare: frozenset[int] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "tool": self.tool,
            "count": self.count,
            "steps": list(self.steps),
            "unchanged": self.unchanged,
        }


@dataclass(frozen=True, slots=True)
class Reaction:
    """`level`: how often something was done in this conversation, with this. `kind` is one of `watch.ReactionKind`.
    `nudge` is what the model is told, where it is told anything; `pruned` are the calls (by their place among all calls
    of the prompt, from 0) that are left out of what it is shown, with their results."""

    kind: str
    level: int
    evidence: Evidence
    nudge: str = field(default="", repr=False)
    pruned: frozenset[int] = frozenset()

    def nowhere(self) -> Reaction:
        """For a prompt that has not all calls of the one in which it was seen: none of them can be pointed at."""
        return replace(self, evidence=replace(self.evidence, call=-1), pruned=frozenset())

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "level": self.level,
            "left_out": len(self.pruned),
            "evidence": self.evidence.as_json(),
        }
