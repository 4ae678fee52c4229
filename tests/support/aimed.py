"""What a provider is sent: one request, one target of a policy, from the policy's text to the bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from policyroute import ModelRequest, PolicySet, RoutingState
from policyroute.author.load import build
from policyroute.exchange import payload

PATHS = {"gemini": "/v1beta/models/asked:generateContent"}


@dataclass(frozen=True)
class Sent:
    raw: bytes
    changes: set[str]

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.raw)
        return found


@cache
def policy(provider: str, target: str, default: str = "{route: [t]}") -> PolicySet:
    """`provider` and `target` as YAML, in braces; the provider's name is `p`."""
    return build(
        {"p.yaml": f"version: 1\nproviders: {{p: {provider}}}\ntargets: {{t: {target}}}\ndefault: {default}\n"}
    )


def asked(dialect: str, body: dict[str, Any] | bytes) -> ModelRequest:
    if not isinstance(body, bytes):
        body = orjson.dumps(body if dialect == "gemini" else {"model": "asked", **body})
    return ModelRequest.read(dialect, body, {}, PATHS.get(dialect, ""))


def sent(dialect: str, body: dict[str, Any] | bytes, provider: str, model: str, takes: str = "{}") -> Sent:
    """What `provider` (`vendor: openai`, or more in YAML) gets of a request for its `model`."""
    request = asked(dialect, body)
    rules = policy(f"{{{provider}}}", f"{{provider: p, model: {model!r}, takes: {takes}}}")
    state = RoutingState.empty()
    decision = rules.decide(request, state, 0.0)
    assert decision.candidates, decision.excluded
    made = payload.build(request, rules.hop(decision, decision.candidates[0], state), None)
    return Sent(made.outbound.body, set(map(str, made.changes)))
