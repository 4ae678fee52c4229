"""What is said of a request and of its attempts in spans: the names of OpenTelemetry's conventions, and ours.

Rule of this module: as in the log line, names, codes and numbers; no content, no key. `gen_ai.*`, `http.*`, `server.*`
and `error.*` mean what the conventions say, everything of ours is `policyroute.*`. Usage is said of attempts alone, so
that nobody counts it twice.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import Scope

from policyroute.exchange.commands import Attempt
from policyroute.failures import KINDS
from policyroute.policy.model import Provider
from policyroute.record import AttemptRecord
from policyroute.request import ModelRequest
from policyroute_asgi.log_line import LONGEST_MODEL
from policyroute_asgi.telemetry import Served

Attributes = dict[str, Any]
"""Values are str, int, float, bool, or tuples of str."""

_PROVIDERS: Final = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""The conventions' own names of vendors, where they are others than the catalogue's."""
_DIALECTS: Final = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
}
_PORTS: Final = {"https": 443, "http": 80}
_MODEL: Final = re.compile(r"/(models|tunedModels)/.+:(\w+)$", re.DOTALL)


def name_of(scope: Scope) -> str:
    return f"{scope['method']} {_route(scope['path'])}"


def of_arrival(scope: Scope) -> Attributes:
    """What is known of a request before it is read."""
    said = {"http.request.method": scope["method"], "http.route": _route(scope["path"])}
    return said | {"url.scheme": scope["scheme"]} if scope.get("scheme") else said


@lru_cache(maxsize=1024)
def _route(path: str) -> str:
    """The path without what differs from client to client: in Gemini's there is a model's name."""
    return _MODEL.sub(r"/\1/{model}:\2", path)


def name_of_attempt(attempt: Attempt, request: ModelRequest) -> str:
    return f"{request.operation.value} {attempt.candidate.model}"


def of_attempt(attempt: Attempt, request: ModelRequest) -> Attributes:
    """What is known of an attempt before it is made."""
    candidate = attempt.candidate
    said: Attributes = {
        "gen_ai.operation.name": request.operation.value,
        "gen_ai.provider.name": _provider(candidate.provider),
        "gen_ai.request.model": candidate.model,
        "policyroute.attempt.number": attempt.number,
        "policyroute.target": candidate.target,
        "policyroute.provider": candidate.provider.name,
    }
    if request.stream:
        said["gen_ai.request.stream"] = True
    return said | _server(candidate.provider.base_url)


def of_record(record: AttemptRecord, *, stream: bool) -> Attributes:
    """What came of an attempt."""
    said: Attributes = {
        "policyroute.outcome": record.outcome,
        "http.response.status_code": record.status,
        "gen_ai.request.max_tokens": record.max_tokens,
        "gen_ai.response.model": record.response_model,
        "gen_ai.response.finish_reasons": (record.finish,) if record.finish is not None else None,
        "gen_ai.usage.input_tokens": record.input_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.cached_input_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": record.cache_write_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": record.reasoning_tokens or None,
        "policyroute.code": record.code,
        "policyroute.key": record.key,
        "policyroute.retry_after": record.retry_after,
        "policyroute.carried": record.carried,
        "policyroute.adapted": tuple(sorted({change.field for change in record.adapted})) or None,
        "policyroute.lost": record.lost or None,
        "policyroute.schema_intact": record.schema_intact,
    }
    for name in ("estimated", "refused", "confessed", "circled"):
        if getattr(record, name):
            said[f"policyroute.{name}"] = True
    if stream and record.first_event is not None:
        said["gen_ai.response.time_to_first_chunk"] = record.first_event - record.opened
    return _there(said)


def of_served(served: Served) -> Attributes:
    """What came of a request. A client that had left was told nothing, and so no status."""
    client, decision, record = served.client, served.decision, served.record
    last = record.attempts[-1] if record is not None and record.attempts else None
    said: Attributes = {
        "http.response.status_code": served.status if served.status != 499 else None,
        "policyroute.outcome": served.outcome,
        "policyroute.decision.id": served.decision_id,
        "policyroute.request.id": served.request_id,
        "policyroute.requested_model": served.model[:LONGEST_MODEL] if served.model else None,
        "policyroute.stream": served.stream,
        "policyroute.profile": served.request.profile if served.request is not None else None,
        "policyroute.client": client.id if client is not None else None,
        "policyroute.tenant": client.tenant if client is not None else None,
        "policyroute.attempts": len(record.attempts) if record is not None else 0,
        "policyroute.target": last.target if last is not None else None,
        "policyroute.provider": last.provider if last is not None else None,
    }
    if decision is not None:
        said["policyroute.rule"] = decision.route_rule
        said["policyroute.revision"] = decision.revision[:12]
        said["policyroute.fired"] = (decision.fired + (record.fired if record is not None else ())) or None
        said["policyroute.decide.seconds"] = served.decide
    if record is not None:
        skipped = tuple(f"{each.target}/{each.provider} {each.code}" for each in record.skipped)
        said["policyroute.skipped"] = skipped or None
    return _there(said | _of_conversation(served))


def _of_conversation(served: Served) -> Attributes:
    if served.sitting is None:
        return {}
    pin, reaction = served.sitting.outcome(served.record)
    said: Attributes = {"policyroute.pin": pin or None}
    if reaction is not None:
        said["policyroute.reaction"] = reaction.kind
        said["policyroute.divergence"] = reaction.evidence.kind
    return said


def trouble_of_attempt(record: AttemptRecord) -> str | None:
    """The kind of failure. One that was given up, by the client or by us, has not failed."""
    return record.outcome if record.outcome in KINDS else None


def trouble_of_request(served: Served) -> str | None:
    """As the conventions have it for servers: what the client did wrong is no error of ours."""
    if served.outcome in {"ok", "client_closed"} or 400 <= served.status < 500:
        return None
    return served.outcome


def _there(said: Attributes) -> Attributes:
    return {name: value for name, value in said.items() if value is not None}


def _provider(provider: Provider) -> str:
    """Whose account it is, by the conventions. Where nobody knows, the name of whose format it speaks."""
    if provider.vendor:
        return _PROVIDERS.get(provider.vendor, provider.vendor)
    return _DIALECTS.get(provider.dialect, provider.dialect)


@lru_cache(maxsize=1024)
def _server(base_url: str) -> Attributes:
    parts = urlsplit(base_url)
    if not parts.hostname:
        return {}
    port = parts.port or _PORTS.get(parts.scheme)
    return _there({"server.address": parts.hostname, "server.port": port})
