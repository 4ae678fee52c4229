"""The spans of a request: one for the request, and one below it for each attempt.

Rule of this module: a span begins when it does, since whoever is asked has to see its id, and all that is said of it is
said when the request is over, from its record. Nothing here has content, and nothing fails or delays a request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from opentelemetry import context as contexts
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from policyroute import __version__
from policyroute.decide.decision import Hop
from policyroute.exchange.commands import Attempt
from policyroute.exchange.payload import Outbound
from policyroute.request import ModelRequest
from policyroute_asgi.telemetry import Served
from policyroute_asgi.traces import words

logger = logging.getLogger("policyroute.traces")

_PARENT, _STATE = "traceparent", "tracestate"
_W3C: Final = TraceContextTextMapPropagator()
"""And no other: of what else a client says of its traces (baggage, say) nothing goes to a provider."""


class Spans:
    """Of one tracer provider. It makes the `Trace` of each request."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("policyroute", __version__)

    def begun(self, scope: Scope, headers: Mapping[bytes, bytes]) -> RequestSpans | None:
        """The span of a request that has just come: below the app's, where it has one, else below the client's."""
        try:
            return RequestSpans(self._tracer, scope, headers)
        except Exception as error:  # noqa: BLE001 - an app may have samplers and processors of its own
            logger.warning("a request is not traced: its span cannot begin (%s)", type(error).__name__)
            return None


class RequestSpans:
    """One request's. While it is open, its span is the current one for whatever the app does for it."""

    def __init__(self, tracer: Tracer, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        self._tracer = tracer
        self._attempts: dict[int, Span] = {}
        # The clock of records, in nanoseconds since 1970.
        self._anchor = time.time_ns() - time.monotonic_ns()
        given = {
            name: value.decode("latin-1")
            for name in (_PARENT, _STATE)
            if (value := headers.get(name.encode())) is not None
        }
        around = get_current_span().get_span_context().is_valid
        self._span = tracer.start_span(
            words.name_of(scope),
            contexts.get_current() if around else _W3C.extract(given),
            SpanKind.INTERNAL if around else SpanKind.SERVER,
            words.of_arrival(scope),
        )
        trace_id = format_trace_id(self._span.get_span_context().trace_id)
        self._is_clients = given.get(_PARENT, "")[3:35] == trace_id
        self._context = set_span_in_context(self._span)
        self._token = contexts.attach(self._context)

    def attempt(self, attempt: Attempt, request: ModelRequest) -> None:
        """An attempt begins. One that was not made, after all, has a span that nobody ever sees."""
        try:
            before = self._attempts.get(attempt.number - 1)
            handover = attempt.handover
            cause = {"policyroute.cause": handover.cause.value} if handover is not None else None
            self._attempts[attempt.number] = self._tracer.start_span(
                words.name_of_attempt(attempt, request),
                self._context,
                SpanKind.CLIENT,
                words.of_attempt(attempt, request),
                [Link(before.get_span_context(), cause)] if before is not None else None,
                start_time=self._anchor + time.monotonic_ns(),
            )
        except Exception as error:  # noqa: BLE001 - as above
            logger.warning("an attempt is not traced: its span cannot begin (%s)", type(error).__name__)

    def sent(self, outbound: Outbound, request: ModelRequest, hop: Hop) -> Outbound:
        """What the provider is sent, with the attempt's span for its parent. The last word is the policy's: what rules
        set, remove or keep back of these headers stays as it is."""
        if not self._attempts or _PARENT in hop.set_request_headers or _PARENT in hop.remove_request_headers:
            return outbound
        there = any(name == _PARENT for name, _ in outbound.headers)
        if not there and request.headers.get(_PARENT) is not None:
            return outbound
        span = self._attempts[max(self._attempts)]
        ours: dict[str, str] = {}
        _W3C.inject(ours, set_span_in_context(span))
        if _PARENT not in ours:
            return outbound
        gone = {_PARENT} if self._is_clients else {_PARENT, _STATE}
        headers = [(name, value) for name, value in outbound.headers if name not in gone]
        return replace(outbound, headers=[*headers, (_PARENT, ours[_PARENT])])

    def ended(self, served: Served) -> None:
        """The request is over, and so are all of its spans."""
        contexts.detach(self._token)
        for record in served.record.attempts if served.record is not None else ():
            span = self._attempts.get(record.number)
            if span is None:
                continue
            if span.is_recording():
                span.set_attributes(words.of_record(record, stream=served.stream))
                _judged(span, words.trouble_of_attempt(record))
            span.end(self._at(record.ended if record.ended is not None else served.ended))
        span = self._span
        if span.is_recording():
            span.set_attributes(words.of_served(served))
            _judged(span, words.trouble_of_request(served))
            if served.record is not None and served.record.committed is not None:
                span.add_event("policyroute.committed", timestamp=self._at(served.record.committed))
        span.end(self._at(served.ended))

    def _at(self, seconds: float) -> int:
        return self._anchor + int(seconds * 1e9)


def _judged(span: Span, trouble: str | None) -> None:
    if trouble is not None:
        span.set_attribute("error.type", trouble)
        span.set_status(Status(StatusCode.ERROR))
