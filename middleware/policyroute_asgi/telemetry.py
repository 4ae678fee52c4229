"""What is said of each request when it is over: a JSON line, metrics, and the latency that the next decisions see.

Rule of this module: no content, no key, nothing that blocks. Codes, names, numbers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.types import Scope

from policyroute.decide.decision import Decision, Hop, RuleError
from policyroute.decide.overrides import NONE_IN_FORCE, Override, Overrides
from policyroute.decide.state import Counts, GatewayLoad, Place, RoutingState
from policyroute.exchange.commands import Attempt
from policyroute.exchange.costs import unswapped_usd
from policyroute.exchange.payload import Outbound
from policyroute.failures import FailureKind
from policyroute.health.quality import AnswerQuality
from policyroute.record import AttemptRecord, ExchangeRecord
from policyroute.request import Client, ModelRequest, Operation
from policyroute_asgi.attempt_metrics import AttemptMetrics
from policyroute_asgi.budgets import Purse
from policyroute_asgi.circuits import Circuits, CircuitStates
from policyroute_asgi.domains import DomainStates
from policyroute_asgi.latency import Latencies
from policyroute_asgi.lines import LineWriter, Sink
from policyroute_asgi.log_line import LONGEST_MODEL, LogLine
from policyroute_asgi.metrics import Metrics
from policyroute_asgi.money import Money
from policyroute_asgi.provider_keys import ProviderKeys
from policyroute_asgi.resting import Resting
from policyroute_asgi.sessions import Sitting
from policyroute_asgi.windows import Windows

logger = logging.getLogger("policyroute.edge")


_ANSWERED: Final = frozenset(
    {"ok", FailureKind.EMPTY, FailureKind.REFUSED, FailureKind.CONTENT_FILTERED, FailureKind.SCHEMA_INVALID}
)
"""The outcomes of attempts that the model has answered, well or not."""


class Trace(Protocol):
    """The spans of one request (`traces`)."""

    def attempt(self, attempt: Attempt, request: ModelRequest) -> None:
        """One begins."""
        ...

    def sent(self, outbound: Outbound, request: ModelRequest, hop: Hop) -> Outbound:
        """What the attempt that has begun last sends, so that its provider's spans come below its own."""
        ...

    def ended(self, served: Served) -> None:
        """The request is over."""
        ...


class Traces(Protocol):
    """Who traces requests."""

    def begun(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Trace | None:
        """A request has come. None where it cannot be traced."""
        ...


@dataclass(slots=True)
class Served:
    """One request to an LLM path, filled in as it goes. `started`, `ended` are seconds on the event loop's clock.

    `status` is what the client was told, 499 where it left before that; `outcome` is `ok`, `client_closed`, or the
    stable type of the error. `decide` is seconds. `overrides` are those that came between its attempts.
    """

    decision_id: str
    request_id: str
    started: float
    client: Client | None = None
    model: str | None = None
    stream: bool = False
    decision: Decision | None = None
    decide: float = 0.0
    hop_errors: tuple[RuleError, ...] = ()
    overrides: tuple[Override, ...] = ()
    request: ModelRequest | None = None
    record: ExchangeRecord | None = None
    sitting: Sitting | None = None
    purse: Purse | None = None
    status: int = 499
    outcome: str = "client_closed"
    ended: float = 0.0
    trace: Trace | None = None

    @property
    def tokens(self) -> int | None:
        """The tokens of all attempts, as far as providers told of them; None where none did."""
        used: int | None = None
        for attempt in self.record.attempts if self.record is not None else ():
            if attempt.input_tokens is not None:
                used = (used or 0) + attempt.input_tokens + (attempt.output_tokens or 0)
        return used

    @property
    def overridden(self) -> tuple[Override, ...]:
        """The operator's overrides that had a part in it."""
        decided = self.decision.overrides if self.decision is not None else ()
        return tuple(dict.fromkeys((*decided, *self.overrides))) if self.overrides else decided


class Telemetry:
    """The sinks of one gateway or middleware. `log` takes the JSON lines, None writes none.

    `in_flight` counts open requests, `queued` those of them that wait for a place, `open_attempts` open attempts by
    place; whoever opens and closes them counts. `provider_keys` are the providers' keys, and what is known of them;
    `resting` are the places that are left alone for a while, `overrides` gives what an operator has said by hand.
    `traces` makes spans of requests, None makes none.
    """

    def __init__(
        self, metrics: Metrics, log: Sink | None, clock: Callable[[], float], traces: Traces | None = None
    ) -> None:
        self.metrics = metrics
        self.traces = traces
        self.money = Money(metrics.registry)
        self.latencies = Latencies(clock)
        self.windows = Windows(clock)
        self.quality = AnswerQuality()
        self._counts = Counts(self.windows, self.windows.narrowed)
        self.provider_keys = ProviderKeys(clock)
        self.resting = Resting(clock)
        self.overrides: Callable[[], Overrides] = lambda: NONE_IN_FORCE
        self._circuits = Circuits(self.resting)
        self.open_attempts: dict[Place, int] = {}
        self._attempts = AttemptMetrics(metrics.registry, self.open_attempts)
        self.in_flight = 0
        self.queued = 0
        self._lines = LineWriter(log, LogLine.json) if log is not None else None
        metrics.watch(
            lambda: self.in_flight, lambda: self.queued, self._dropped, self.provider_keys.states, self.resting.states
        )
        metrics.registry.register(CircuitStates(self._circuits))
        metrics.registry.register(DomainStates(lambda: self.resting.table.domains))

    def _dropped(self) -> int:
        return self._lines.dropped if self._lines else 0

    def state(self, load: float) -> RoutingState:
        """What a decision that is made now may know."""
        load_now = GatewayLoad(self.in_flight, load, self.queued)
        return RoutingState(
            self.latencies,
            self.open_attempts,
            load_now,
            counts=self._counts,
            overrides=self.overrides(),
            health=self._circuits,
            quality=self.quality,
        )

    def finished(self, served: Served) -> None:
        """Account for one request that is over."""
        record = served.record
        attempts = record.attempts if record is not None else []
        now = time.time()
        self._count(served, attempts)
        self._attempts.count(attempts)
        for attempt in attempts:
            self.metrics.attempts.of(attempt.target, attempt.provider, attempt.outcome).inc()
            if attempt.refused:
                self.metrics.refusals.of(attempt.target, attempt.provider).inc()
            if attempt.confessed:
                self.metrics.confessions.of(attempt.target, attempt.provider).inc()
            self.money.used(attempt)
            if record is not None:
                self._judged(attempt, record.schema_hash, now)
            self.latencies.add(attempt, stream=served.stream)
            self._learn(attempt, served.request)
        if self._lines is not None:
            self._lines.write(_line(served, attempts))
        if served.trace is not None:
            served.trace.ended(served)

    def _judged(self, attempt: AttemptRecord, schema: str | None, now: float) -> None:
        """Whether an answer was one, and fit its schema. `now` is seconds since 1970, as a decision's is."""
        if attempt.outcome in _ANSWERED:
            empty = attempt.outcome == FailureKind.EMPTY
            self.quality.answered(attempt.provider, attempt.model, now, refused=attempt.refused, empty=empty)
        intact = attempt.schema_intact
        if intact is None and not attempt.unchecked:
            return
        result = "unchecked" if intact is None else "intact" if intact else "broken"
        self.metrics.schema_checks.of(attempt.target, attempt.provider, result).inc()
        if intact is not None and schema is not None:
            self.quality.fitted(attempt.provider, attempt.model, schema, intact, now)

    def _learn(self, attempt: AttemptRecord, request: ModelRequest | None) -> None:
        if request is None or request.operation is not Operation.CHAT:
            return
        if attempt.outcome == FailureKind.CONTEXT_OVERFLOW and request.modalities != ("text",):
            return  # nobody has estimated what an image takes
        window = self.windows.add(attempt, lambda: request.input_tokens)
        if window is not None:
            logger.warning("%s at %s takes %d tokens, it turned out", attempt.target, attempt.provider, window)

    def flush(self) -> None:
        """Have the lines so far written. This may block for a moment: call it from a thread."""
        if self._lines is not None:
            self._lines.flush()

    def _count(self, served: Served, attempts: list[AttemptRecord]) -> None:
        metrics = self.metrics
        decision = served.decision
        target = attempts[-1].target if attempts else ""
        rule = decision.route_rule if decision is not None else ""
        metrics.requests.of(rule, target, served.status, served.outcome).inc()
        metrics.duration.of(target).observe(served.ended - served.started)
        record = served.record
        if served.sitting is not None:
            pin, reaction = served.sitting.outcome(record)
            if pin:
                metrics.pins.of(pin).inc()
            if reaction is not None:
                metrics.divergences.of(reaction.evidence.kind, reaction.kind).inc()
        if served.stream and record is not None and record.committed is not None:
            metrics.ttft.of(target).observe(record.committed - served.started)
        if decision is not None:
            metrics.decide.observe(served.decide)
            for error in decision.errors + served.hop_errors:
                metrics.rule_errors.labels(error.rule, error.effect, error.consequence).inc()


def _line(served: Served, attempts: list[AttemptRecord]) -> LogLine:
    decision, client, record, model = served.decision, served.client, served.record, served.model
    left = record.swapped_from if record is not None else None
    return LogLine(
        at=time.time(),
        decision_id=served.decision_id,
        request_id=served.request_id,
        client=client.id if client else None,
        tenant=client.tenant if client else None,
        revision=decision.revision if decision else None,
        route_rule=decision.route_rule if decision else None,
        fired=(decision.fired if decision else ()) + (record.fired if record else ()),
        too_late=record.too_late if record else (),
        rule_errors=len(decision.errors) + len(served.hop_errors) if decision else 0,
        model=model[:LONGEST_MODEL] if model else None,
        stream=served.stream,
        status=served.status,
        outcome=served.outcome,
        attempts=tuple(attempts),
        started=served.started,
        ended=served.ended,
        committed=record.committed if record else None,
        decide=served.decide,
        completed=record.completed if record else False,
        schema_intact=record.schema_intact if record else None,
        schema_hash=record.schema_hash if record else None,
        skipped=tuple(record.skipped) if record else (),
        profile=served.request.profile if served.request is not None else None,
        session=served.sitting.as_json(record) if served.sitting is not None else None,
        overrides=served.overridden,
        swapped_from=left,
        unswapped=unswapped_usd(attempts[-1], left, decision.candidates) if left and decision else None,
    )
