"""A tracer provider that sends spans to a collector by OTLP over HTTP.

Rule of this module: the standard variables (`OTEL_*`) say where to, how often and how many. Sending is done by a thread
of its own from a queue with an end: where the collector is slow or gone spans are lost, and no request waits.
"""

from __future__ import annotations

import logging
import uuid
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from policyroute import __version__

_NAME: Final = "service.name"
_UNNAMED: Final = "unknown_service"
_OF_HEADERS: Final = logging.getLogger("opentelemetry.util.re")
"""Says of a header that it cannot read what stands there, which is a key as a rule."""


def provider() -> TracerProvider:
    """A new one, with its thread. Whoever ends the process calls `shutdown`, which may block."""
    _OF_HEADERS.addFilter(_without_content)
    made = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def _without_content(said: logging.LogRecord) -> bool:
    said.msg, said.args = "OTEL_EXPORTER_OTLP_HEADERS: one is left out, as it is not written as name=value", ()
    return True


def _resource() -> Resource:
    """What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say comes before what we say of ourselves."""
    ours = Resource({_NAME: "policyroute", "service.version": __version__, "service.instance.id": str(uuid.uuid4())})
    said = Resource.create()
    named = not str(said.attributes.get(_NAME, _UNNAMED)).startswith(_UNNAMED)
    return ours.merge(said) if named else ours.merge(said).merge(Resource({_NAME: "policyroute"}))
