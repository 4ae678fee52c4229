"""Who traces: an app's own tracer provider, or one of this process that sends to a collector.

Rule of this module: nothing of OpenTelemetry is imported until somebody asks for traces.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from policyroute_asgi.apart import once
from policyroute_asgi.telemetry import Traces

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider as TracerProvider  # noqa: PLC0414 - for others, who do not import it

logger = logging.getLogger("policyroute.traces")

EXPORTER_VARIABLE: Final = "OTEL_TRACES_EXPORTER"
EXPORTERS: Final = ("none", "otlp")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_MODULES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_LAST_SPANS: Final = 3.0
"""Seconds that the last spans get to reach a collector at the end of the process: one that is down must not hold it."""


def traced_with(provider: TracerProvider | None) -> Traces | None:
    """None traces nothing. Raises ImportError where there is a provider, but not the API it is of."""
    if provider is None:
        return None
    from policyroute_asgi.traces.spans import Spans  # noqa: PLC0415

    return Spans(provider)


def trouble(exporter: str) -> str | None:
    """Why this process could not send to a collector, in words for who starts it."""
    if exporter == "none":
        return None
    if exporter not in EXPORTERS:  # the option has no other: the variable says so
        return f"{EXPORTER_VARIABLE}: {exporter!r} is not spoken here: otlp, or none"
    if not _there():
        return "OpenTelemetry is not installed: pip install 'policyroute[opentelemetry]'"
    says = next((name for name in _PROTOCOLS if os.environ.get(name)), None)
    if says is not None and os.environ[says] != _SPOKEN:
        return f"only {_SPOKEN} is spoken here, and {says} asks for {os.environ[says]}"
    return None


def _there() -> bool:
    try:
        return all(find_spec(name) is not None for name in _MODULES)
    except ModuleNotFoundError:  # of a package that they are in
        return False


@asynccontextmanager
async def sending(exporter: str) -> AsyncGenerator[TracerProvider | None]:
    """This process's tracer provider. At the end the last spans are sent, if that does not take long."""
    if exporter == "none":
        yield None
        return
    from policyroute_asgi.traces.otlp import provider  # noqa: PLC0415

    try:
        made: Any = provider()
    except Exception as error:  # noqa: BLE001 - whatever does not please it in the variables: requests are served
        said = ", ".join(sorted(name for name in os.environ if name.startswith("OTEL_")))  # never what they say
        logger.error("SPANS ARE NOT SENT: one of these cannot be used: %s (%s)", said, type(error).__name__)
        yield None
        return
    try:
        yield made
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SPANS):
                await once(made.shutdown, "policyroute-last-spans")
