"""The names the package promises, and their types."""

from __future__ import annotations

from typing import assert_type

import policyroute
from policyroute import (
    Client,
    Decision,
    Latency,
    ModelRequest,
    PolicyErrors,
    PolicySet,
    Problem,
    RoutingState,
    build,
)
from policyroute.decide import Candidate, Denial, Hop

FILES = {
    "policy.yaml": """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:", region: us}}
targets: {mini: {provider: demo, model: ok}}
default: {route: [requested, mini]}
"""
}
BODY = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'


def test_the_public_names() -> None:
    assert sorted(policyroute.__all__) == [
        "BadRequest",
        "Client",
        "Decision",
        "GatewayLoad",
        "Health",
        "Latency",
        "ModelRequest",
        "Operation",
        "PolicyErrors",
        "PolicySet",
        "Problem",
        "RoutingState",
        "build",
        "dialects",
        "load",
    ]
    assert all(hasattr(policyroute, name) for name in policyroute.__all__)


def test_types_of_a_decision_from_end_to_end() -> None:
    policy = assert_type(build(FILES), PolicySet)
    request = assert_type(ModelRequest.read("openai_chat", body=BODY, path="/v1/chat/completions"), ModelRequest)
    state = assert_type(RoutingState.empty(), RoutingState)
    decision = assert_type(policy.decide(request, state, now=0.0, client=Client(team="a")), Decision)
    assert_type(decision.candidates, tuple[Candidate, ...])
    assert_type(decision.candidates[0].target, str)
    assert_type(decision.route_rule, str)
    assert_type(decision.fired, tuple[str, ...])
    assert_type(decision.reasons, tuple[str, ...])
    assert_type(decision.denied, Denial | None)
    assert_type(policy.hop(decision, decision.candidates[0], state), Hop)
    assert_type(policy.revision, str)
    assert_type(policy.warnings, tuple[Problem, ...])
    assert_type(RoutingState({("mini", "demo"): Latency(0.1)}).gateway.in_flight, int)
    assert decision.candidates[0].target == "mini"


def test_a_policy_that_is_wrong_has_every_problem() -> None:
    try:
        build({"a.yaml": "version: 2\n", "b.yaml": "version: 1\nrules: [{id: x}]\n"})
    except PolicyErrors as errors:
        found = assert_type(errors.problems, tuple[Problem, ...])
        assert {problem.span.file for problem in found if problem.span} == {"a.yaml", "b.yaml"}
    else:
        raise AssertionError("loaded")
