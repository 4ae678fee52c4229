"""What is asked of a model decides who may be asked: embeddings, counts, and other dialects than OpenAI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from policyroute import Decision, ModelRequest, Operation, PolicySet, RoutingState, build

POLICY = """
version: 1
providers:
  openai: {dialect: openai_chat, base_url: https://openai.example/v1}
  azure: {dialect: openai_chat, base_url: https://azure.example/v1}
  claude: {dialect: anthropic, base_url: https://claude.example/v1}
targets:
  chat: {provider: openai, model: gpt, context_window: 1000}
  small: {providers: [openai, azure], model: embed-small, supports: {embeddings: true}, context_window: 1000}
  same: {provider: azure, model: embed-small, supports: {embeddings: true}}
  large: {provider: azure, model: embed-large, supports: {embeddings: true}}
  both: {provider: openai, model: embed-small, supports: {embeddings: true, chat: true}}
  claude: {provider: claude, model: claude-x, context_window: 1000}
  mute: {provider: claude, model: claude-y, supports: {chat: false}}
"""


def policy(route: str, rules: str = "[]") -> PolicySet:
    return build({"policy.yaml": f"{POLICY}\nrules: {rules}\ndefault: {{route: {route}}}\n"})


def decide(route: str, request: ModelRequest, rules: str = "[]", state: RoutingState | None = None) -> Decision:
    return policy(route, rules).decide(request, state or RoutingState.empty(), 0.0)


def places(decision: Decision) -> list[str]:
    return [f"{each.target}@{each.provider.name}" for each in decision.candidates]


def out(decision: Decision) -> dict[str, str]:
    return {each.target: each.code for each in decision.excluded}


def request(operation: Operation, dialect: str = "openai_chat", **fields: Any) -> ModelRequest:
    said = {"model": "auto", "input": "Hello", "messages": [{"role": "user", "content": "Hello"}], **fields}
    return ModelRequest.read(dialect, orjson.dumps(said), operation=operation)


VECTORS = request(Operation.EMBEDDINGS)
CHAT = request(Operation.CHAT)
EVERYBODY = "[chat, small, both]"


def test_embeddings_are_made_by_those_that_are_declared_to() -> None:
    decision = decide(EVERYBODY, VECTORS)
    assert places(decision) == ["small@openai", "small@azure", "both@openai"]
    assert out(decision) == {"chat": "supports"}
    assert decision.excluded[0].detail == "the request needs embeddings, which the target does not support"


def test_those_that_make_embeddings_serve_no_chat_unless_they_are_declared_to() -> None:
    decision = decide(EVERYBODY, CHAT)
    assert places(decision) == ["chat@openai", "both@openai"]
    assert out(decision) == {"small": "supports"}
    assert decision.excluded[0].detail == "the request needs chat, which the target does not support"


def test_nobody_is_asked_where_nobody_can() -> None:
    for asked, route in ((VECTORS, "[chat]"), (CHAT, "[small]")):
        denied = decide(route, asked).denied
        assert denied is not None
        assert (denied.status, denied.code) == (403, "no_eligible_target")
        assert "a capability the request needs" in denied.message


def test_vectors_of_two_models_are_never_mixed() -> None:
    decision = decide("[chat, large, small, same]", VECTORS)
    assert places(decision) == ["large@azure"]
    assert [(each.target, each.provider, each.code) for each in decision.excluded] == [
        ("chat", "openai", "supports"),
        ("small", "openai", "other_model"),
        ("small", "azure", "other_model"),
        ("same", "azure", "other_model"),
    ]
    assert "vectors cannot be compared" in decision.excluded[-1].detail
    assert any("vectors cannot be compared" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("rules", "state", "expected"),
    [
        ("[]", RoutingState.empty(), ["small@openai", "small@azure", "same@azure"]),
        ("[{id: a, require: target.name != 'small'}]", RoutingState.empty(), ["large@azure"]),
        ("[]", RoutingState(missing_secrets=frozenset({"openai"})), ["small@azure", "same@azure"]),
    ],
)
def test_the_first_that_may_serve_decides_the_model(rules: str, state: RoutingState, expected: list[str]) -> None:
    assert places(decide("[small, large, same]", VECTORS, rules, state)) == expected


def test_a_rank_decides_which_is_first() -> None:
    ranked = "{targets: [large, small, same], rank: 'target.model == \"embed-small\" ? 1 : 2'}"
    assert {each.model for each in decide(ranked, VECTORS).candidates} == {"embed-small"}


def test_models_may_differ_for_everything_else() -> None:
    assert places(decide("[chat, both]", CHAT)) == ["chat@openai", "both@openai"]


def test_a_batch_is_not_held_to_the_window_of_each_of_its_parts() -> None:
    batch = request(Operation.EMBEDDINGS, input=["word " * 400] * 20)
    assert batch.input_tokens > 1000
    assert places(decide("[small]", batch)) == ["small@openai", "small@azure"]


def test_a_prompt_that_is_too_long_may_still_be_counted() -> None:
    long = {"messages": [{"role": "user", "content": "word " * 4000}]}
    counted = request(Operation.COUNT_TOKENS, "anthropic", **long)
    assert places(decide("[claude]", counted)) == ["claude@claude"]
    assert out(decide("[claude]", request(Operation.CHAT, "anthropic", **long))) == {"claude": "context_window"}


def test_who_serves_no_chat_counts_for_none() -> None:
    assert out(decide("[mute]", request(Operation.COUNT_TOKENS, "anthropic"))) == {"mute": "supports"}


def test_a_conversation_goes_to_any_dialect_and_a_count_to_its_own() -> None:
    chat = decide("[chat, claude]", request(Operation.CHAT, "anthropic"))
    assert [place.split("@")[0] for place in places(chat)] == ["chat", "claude"]
    count = decide("[chat, claude]", request(Operation.COUNT_TOKENS, "anthropic"))
    assert (places(count), out(count)) == (["claude@claude"], {"chat": "dialect"})


def test_rules_see_what_is_asked_and_what_a_target_can() -> None:
    rules = """
    [{id: no-vectors, when: request.operation == "embeddings", deny: {status: 403, code: no, message: No}},
     {id: able, when: request.dialect == "anthropic", require: target.supports.chat && !target.supports.embeddings}]
    """
    denied = decide("[small]", VECTORS, rules).denied
    assert denied is not None
    assert denied.rule == "no-vectors"
    decision = decide("[claude, mute]", request(Operation.CHAT, "anthropic"), rules)
    assert (places(decision), decision.fired, out(decision)) == (["claude@claude"], ("able",), {"mute": "require"})


@pytest.mark.parametrize("shown", [repr, Decision.as_json])
def test_what_is_decided_of_them_shows_no_text(shown: Callable[[Decision], object]) -> None:
    hidden = request(Operation.EMBEDDINGS, input=["hidden"])
    assert "hidden" not in str(shown(decide("[small]", hidden)))
