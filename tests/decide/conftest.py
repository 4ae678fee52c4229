from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import orjson
import pytest

from policyroute import Client, Decision, ModelRequest, PolicySet, RoutingState
from policyroute.author.load import build
from policyroute.cel.compile import Compiler

TARGETS = """
version: 1
providers:
  openai: {dialect: openai_chat, base_url: https://openai.example/v1, region: us, tags: {zone: west, kind: cloud}}
  azure: {dialect: openai_chat, base_url: https://azure.example/v1, region: us, failure_domains: [azure]}
  frankfurt: {dialect: openai_chat, base_url: https://eu.example/v1, region: eu, clearance: confidential}
targets:
  gpt: {providers: [openai, azure], model: gpt-5.5, quality: 0.92, price: {input: 4.0, output: 16.0},
        context_window: 4000}
  mini: {provider: openai, model: gpt-5-mini, quality: 0.75, price: {input: 0.25, output: 2.0}, tags: {kind: small},
         max_output_tokens: 900}
  eu: {provider: frankfurt, model: qwen3-235b, quality: 0.91, context_window: 8000,
       supports: {tools: false, json_schema: false, images: false}}
  odd: {provider: frankfurt, model: gpt-5-mini}
"""

DEFAULT = "version: 1\ndefault: {route: [requested, gpt]}\n"

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]
Decide = Callable[..., Decision]


def make_policy(text: str, compiler: Compiler | None = None) -> PolicySet:
    """A policy set of the targets above and these sections; with a default unless they have one."""
    files = {"10-targets.yaml": TARGETS, "20-rules.yaml": "version: 1\n" + dedent(text)}
    if "default:" not in text:
        files["30-default.yaml"] = DEFAULT
    return build(files, compiler)


def make_request(
    model: str = "auto", *, headers: dict[str, str] | None = None, id: str = "r1", **body: Any
) -> ModelRequest:
    messages = body.pop("messages", [{"role": "user", "content": "Hello"}])
    whole = {"model": model, "messages": messages, **body}
    path = "/v1/chat/completions"
    return ModelRequest.read(
        "openai_chat", orjson.dumps(whole), headers or {}, path, id=id, received_at=1_800_000_000.0
    )


@pytest.fixture(scope="session")
def policy() -> MakePolicy:
    return make_policy


@pytest.fixture(scope="session")
def ask() -> Ask:
    return make_request


@pytest.fixture(scope="session")
def decide() -> Decide:
    """Decides under the policy text (or set); the rest makes the request."""

    def run(
        text: str | PolicySet,
        request: ModelRequest | None = None,
        state: RoutingState | None = None,
        client: Client | None = None,
    ) -> Decision:
        policy_set = make_policy(text) if isinstance(text, str) else text
        request = make_request() if request is None else request
        return policy_set.decide(request, state or RoutingState.empty(), 0.0, client=client or Client())

    return run


@pytest.fixture(scope="session")
def names() -> Callable[[Decision], list[str]]:
    """The candidates of a decision, as `target@provider`."""
    return lambda decision: [f"{each.target}@{each.provider.name}" for each in decision.candidates]
