"""The line that the request log has of one request.

Rule of this module: no content, no key. What waits to become a line holds on to nothing that is larger than the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from policyroute.decide.overrides import Override
from policyroute.record import AttemptRecord, Skipped

LONGEST_MODEL: Final = 128
"""Characters of a model's name: a client may send any."""


class LogLine(NamedTuple):
    """What is told, as it was when the request was over. `at` is seconds since 1970; `started`, `ended` and `committed`
    are on the clock of the attempts; `decide` is seconds; `model` is what the client asked for, cut short."""

    at: float
    decision_id: str
    request_id: str
    client: str | None
    tenant: str | None
    revision: str | None
    route_rule: str | None
    fired: tuple[str, ...]
    too_late: tuple[str, ...]
    rule_errors: int
    model: str | None
    stream: bool
    status: int
    outcome: str
    attempts: tuple[AttemptRecord, ...]
    started: float
    ended: float
    committed: float | None
    decide: float
    completed: bool = False
    schema_intact: bool | None = None
    schema_hash: str | None = None
    skipped: tuple[Skipped, ...] = ()
    profile: str | None = None
    session: dict[str, Any] | None = None
    overrides: tuple[Override, ...] = ()
    swapped_from: tuple[str, str] | None = None
    unswapped: float | None = None

    def json(self) -> bytes:
        """docs/observability.md has the fields."""
        return orjson.dumps(self._fields_of(), default=str)

    def _fields_of(self) -> dict[str, Any]:
        last = self.attempts[-1] if self.attempts else None
        return {
            "ts": datetime.fromtimestamp(self.at, UTC),
            "event": "llm_request",
            "decision_id": self.decision_id,
            "request_id": self.request_id,
            "client": self.client,
            "tenant": self.tenant,
            "revision": self.revision[:12] if self.revision else None,
            "route_rule": self.route_rule,
            "fired": self.fired,
            "too_late": self.too_late,
            "rule_errors": self.rule_errors,
            "profile": self.profile,
            "session": self.session,
            "overrides": [{"action": it.action, "name": it.name, "reason": it.reason} for it in self.overrides],
            "requested_model": self.model,
            "target": last.target if last else None,
            "provider": last.provider if last else None,
            "model": last.model if last else None,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "refused": last.refused if last else False,
            "completed": self.completed,
            "schema_intact": self.schema_intact,
            "schema_hash": self.schema_hash,
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "skipped": [each.as_json() for each in self.skipped],
            **self._swap(),
            "input_tokens": last.input_tokens if last else None,
            "output_tokens": last.output_tokens if last else None,
            "cost_usd": _sum(attempt.cost_usd for attempt in self.attempts),
            "total_ms": round((self.ended - self.started) * 1000, 3),
            "ttft_ms": None if self.committed is None else round((self.committed - self.started) * 1000, 3),
            "decide_us": round(self.decide * 1e6, 1),
        }

    def _swap(self) -> dict[str, Any]:
        """Whom it left and what that saved or cost, of one that was swapped: most are not, and do without."""
        if self.swapped_from is None:
            return {}
        target, provider = self.swapped_from
        return {"swapped_from": {"target": target, "provider": provider}, "est_unswapped_usd": self.unswapped}


def _sum(costs: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [each for each in costs if each is not None]
    return sum(known) if known else None
