"""The facts provide exactly what the vocabulary declares, with values of the declared types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import Client, GatewayLoad, Latency, ModelRequest, PolicySet, RoutingState
from policyroute.absent import ABSENT
from policyroute.cel import EvaluationError
from policyroute.cel.types import Field, Kind, Type
from policyroute.cel.values import Duration, Timestamp, TotalMap
from policyroute.clearance import Clearance
from policyroute.decide.answers import Answer
from policyroute.decide.facts import Facts
from policyroute.decide.target_facts import Targets
from policyroute.events import FinishReason, Usage
from policyroute.policy.vocabulary import FLAT, TARGET, roots

MakePolicy = Callable[[str], PolicySet]
Ask = Callable[..., ModelRequest]

CLASSES: Mapping[Kind, type] = {
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.DOUBLE: float,
    Kind.STRING: str,
    Kind.DURATION: Duration,
    Kind.TIMESTAMP: Timestamp,
    Kind.CLEARANCE: Clearance,
}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}

messages = st.lists(
    st.sampled_from(
        [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "done"},
        ]
    ),
    min_size=1,
    max_size=5,
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["auto", "gpt"]), "messages": messages},
    optional={
        "tools": st.just([TOOL]),
        "tool_choice": st.sampled_from(["auto", "none", {"type": "function", "function": {"name": "f"}}]),
        "response_format": st.sampled_from([{"type": "text"}, SCHEMA]),
        "max_tokens": st.integers(1, 100),
        "temperature": st.sampled_from([0, 1, 0.5]),
        "metadata": st.just({"k": "v"}),
        "seed": st.integers(0, 3),
        "stream": st.booleans(),
        "modalities": st.just(["text"]),
    },
)
states = st.builds(
    RoutingState,
    st.just({("gpt", "openai"): Latency(0.1, 0.2, 0.3), ("mini", "openai"): Latency(None, 1, 2)}),
    st.just({("gpt", "openai"): 3}),
    st.builds(GatewayLoad, st.integers(0, 5), st.floats(0, 1), st.integers(0, 5)),
)


def of_type(value: Any, type_: Type) -> None:
    match type_.kind:
        case Kind.DYN:
            pass
        case Kind.LIST:
            assert value.__class__ in (list, tuple)
            for item in value:
                of_type(item, type_.item or Type(Kind.DYN))
        case Kind.MAP:
            assert value.__class__ in (dict, TotalMap, Targets)
            of_map(value, type_)
        case Kind.RECORD:
            for name, field in type_.fields.items():
                of_field(getattr(value, name), field)
        case _:
            assert value.__class__ is CLASSES[type_.kind]
            assert not type_.choices or value in type_.choices


def of_map(value: Mapping[Any, Any], type_: Type) -> None:
    for key, item in value.items():
        of_type(key, type_.key or Type(Kind.DYN))
        of_type(item, type_.item or Type(Kind.DYN))
    if type_.total:
        assert value["no such key"] == ""
        assert "no such key" not in value


def of_field(value: Any, field: Field) -> None:
    if value is ABSENT:
        assert field.optional
    else:
        of_type(value, field.type)


@pytest.fixture(scope="module")
def policy_set(policy: MakePolicy) -> PolicySet:
    return policy("""
    variables: {long: request.input_tokens > 3, erring: 10 / size(request.tools) > 1}
    rules: [{id: ask, when: variables.long, require: has(target.quality)}]
    """)


def facts_of(policy_set: PolicySet, request: ModelRequest, state: RoutingState | None = None) -> Facts:
    client = Client(team="t", tags={"a": "b"}, address="127.0.0.1")
    decision = policy_set.decide(request, state or RoutingState.empty(), 5.0, client=client)
    assert decision.grounds is not None
    return decision.grounds.facts


@given(bodies, states)
def test_every_field_is_there_and_of_its_type(
    policy_set: PolicySet, ask: Ask, body: dict[str, Any], state: RoutingState
) -> None:
    facts = facts_of(policy_set, ask(headers={"X-Conversation-ID": "c1", "X-A": "b"}, **body), state)
    declared = roots(policy_set.program.targets)
    for root in FLAT - {"variables"}:
        for name, field in declared[root].fields.items():
            of_field(getattr(facts, f"{root}_{name}"), field)
    of_type(facts.targets, declared["targets"])
    for endpoints in policy_set.endpoints.by_target.values():
        for endpoint in endpoints:
            facts.turn_to(endpoint)
            of_type(facts.target, TARGET)
            assert facts.target.name == endpoint.spec.name
            assert facts.target.provider == endpoint.provider.name


ANSWERS = st.builds(
    Answer,
    st.sampled_from(FinishReason),
    st.booleans(),
    st.text(),
    st.lists(st.text()).map(tuple),
    st.none() | st.builds(Usage, *[st.integers(0, 9)] * 5),
)


@given(ANSWERS, st.sampled_from(["gpt", "eu"]))
def test_every_field_of_an_answer_is_there_and_of_its_type(
    policy_set: PolicySet, ask: Ask, answer: Answer, target: str
) -> None:
    declared = roots()
    endpoint = policy_set.endpoints.by_target[target][0]
    before = facts_of(policy_set, ask())
    facts = before.at(endpoint, RoutingState.empty()).answered(answer)
    of_type(facts.response, declared["response"])
    of_type(facts.usage, declared["usage"])
    of_type(facts.target, TARGET)
    priced = answer.usage is not None and target == "gpt"
    assert (facts.usage.cost_usd is not ABSENT, hasattr(before, "response")) == (priced, False)


def test_nothing_is_there_that_is_not_declared(policy_set: PolicySet) -> None:
    declared = roots()
    expected = {f"{root}_{name}" for root in FLAT - {"variables"} for name in declared[root].fields}
    ready = set(
        vars(
            facts_of(
                policy_set, ModelRequest.read("openai_chat", b'{"model":"m","messages":[{"role":"user","content":""}]}')
            )
        )
    )
    there = {name for name in {*dir(Facts), *ready} if name.split("_")[0] in FLAT and "_" in name}
    assert there == expected | {"variables_long"}


def test_time_is_the_requests_or_else_now(policy_set: PolicySet, ask: Ask) -> None:
    assert facts_of(policy_set, ask()).request_time == Timestamp.of(1_800_000_000.0)
    timeless = ModelRequest.read("openai_chat", b'{"model":"m","messages":[{"role":"user","content":""}]}')
    assert facts_of(policy_set, timeless).request_time == Timestamp.of(5.0)


def test_a_variable_is_asked_once_and_so_is_its_error(policy_set: PolicySet, ask: Ask) -> None:
    facts: Any = facts_of(policy_set, ask())
    assert facts.variables_long is False
    errors: list[EvaluationError] = []
    for _ in range(2):
        with pytest.raises(EvaluationError) as raised:
            _ = facts.variables_erring
        errors.append(raised.value)
    assert errors[0] is errors[1]


def test_the_targets_tags_add_to_the_providers_and_prevail(policy_set: PolicySet, ask: Ask) -> None:
    facts = facts_of(policy_set, ask())
    targets = facts.targets
    assert targets["mini"].tags == {"zone": "west", "kind": "small"}
    assert targets["gpt"].tags == {"zone": "west", "kind": "cloud"}
    assert targets["gpt"].provider == "openai"


def test_the_cost_of_a_request_goes_by_its_tokens_and_the_targets_price(policy_set: PolicySet, ask: Ask) -> None:
    request = ask(messages=[{"role": "user", "content": "word " * 100}])
    facts = facts_of(policy_set, request)
    targets = facts.targets
    assert targets["gpt"].est_cost_usd == pytest.approx((request.input_tokens * 4.0 + 1024 * 16.0) / 1e6)
    assert targets["eu"].est_cost_usd is ABSENT
    asking = facts_of(policy_set, ask(max_tokens=5000))
    short = asking.targets
    assert short["mini"].est_cost_usd == pytest.approx((ask().input_tokens * 0.25 + 900 * 2.0) / 1e6)


def test_a_long_request_costs_the_price_for_long_ones(policy: MakePolicy, ask: Ask) -> None:
    request = ask(messages=[{"role": "user", "content": "word " * 100}], max_tokens=10)
    tokens = request.input_tokens

    def cost(limit: int) -> Any:
        price = f"{{input: 1, output: 2, above: {{tokens: {limit}, input: 4}}}}"
        made = policy(f"targets: {{long: {{provider: openai, model: m, price: {price}}}}}")
        facts = facts_of(made, request)
        target = facts.targets["long"]
        assert target.price.input == 1
        return target.est_cost_usd

    assert cost(tokens) == pytest.approx((tokens * 1 + 10 * 2) / 1e6)
    assert cost(tokens - 1) == pytest.approx((tokens * 4 + 10 * 2) / 1e6)
