"""Embedded tests: every expectation can fail, says what was decided instead, and what is given is what rules see."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from policyroute import PolicyErrors, build

POLICY = """
version: 1
providers: {p: {dialect: openai_chat, base_url: "https://p.example/v1", region: us},
            a: {dialect: anthropic, base_url: "https://a.example/v1"},
            e: {dialect: openai_chat, base_url: "https://e.example/v1", region: eu}}
targets:
  gpt: {provider: p, model: gpt-x, context_window: 1000, price: {input: 1, output: 2}}
  eu: {provider: e, model: eu-x}
  claude: {provider: a, model: claude-x}
  vectors: {provider: p, model: v, supports: {embeddings: true}}
refusals: {phrases: [I cannot]}
rules:
  - {id: residency, when: 'client.tags["region"] == "eu"', require: target.region == "eu"}
  - {id: big, when: request.input_tokens > 900000, deny: {status: 413, code: too_big, message: Too big}}
  - {id: agents, when: request.profile == "AGENT", route: [gpt, eu], limits: {ttft: 7s}}
  - {id: tried, when: request.profile == "AGENT", mode: shadow, limits: {ttft: 1s}}
  - {id: slow, when: 'targets["gpt"].latency.ttft_p95 > duration("2s")', route: [eu]}
  - {id: tools, when: 'request.tools.exists(t, t.name == "sql") && request.messages[0].role == "tool"', route: [eu]}
  - {id: kept, when: 'session.id == "c1" && request.headers["x-a"] == "b"', route: [eu]}
  - {id: named, when: request.id == "r9", limits: {idle: 9s}}
  - {id: vectors, when: request.operation == "embeddings", route: [vectors]}
  - {id: hidden, phase: response, when: response.refused, mode: shadow, deny: {}}
  - {id: unhelpful, phase: response, when: response.refused, deny: {status: 502, code: unhelpful}}
  - {id: called, phase: response, when: 'response.tool_calls[0].name == "sql"', response_headers: {remove: [X]}}
  - {id: long, phase: response, when: 'response.finish_reason == "length"', response_headers: {remove: [Y]}}
  - {id: unfit, phase: response, when: '!response.schema_valid', deny: {status: 502, code: unfit}}
  - {id: dear, phase: response, when: has(usage.cost_usd) && usage.cost_usd >= 0.003, deny: {}}
  - {id: eu-said, phase: response, when: 'target.name == "eu" && response.text != ""', response_headers: {remove: [Z]}}
  - {id: whole, when: request.stream, fallback: {mid_stream: continue}, hold: {tools: true}}
  - {id: thing, when: request.model == "thing", expect: {schema: thing.schema.json}}
  - {id: counts, when: request.operation == "count_tokens", route: [claude]}
default: {route: [requested, gpt, eu]}
"""


def failures(given: dict[str, Any], expect: dict[str, Any]) -> list[str]:
    """What a policy set with this one test is refused for."""
    document = {**yaml.safe_load(POLICY), "tests": [{"name": "t", "given": given, "expect": expect}]}
    try:
        build({"policy.yaml": yaml.safe_dump(document), "thing.schema.json": '{"required": ["z"]}'})
    except PolicyErrors as refused:
        assert {problem.code for problem in refused.problems} == {"test-failed"}
        return [problem.message for problem in refused.problems]
    return []


AGENT = {"request": {"profile": "AGENT"}}
VECTORS = {"request": {"operation": "embeddings"}}
COUNT = {"request": {"operation": "count_tokens", "system": "Be brief."}}
REFUSED = {"response": {"text": "I cannot do that"}}
STREAM = {"request": {"stream": True}}
THING = {"request": {"model": "thing"}}
JSON = {"response_format": {"type": "json_object"}}
EUROPEAN = {"client": {"tags": {"region": "eu"}}}


@pytest.mark.parametrize(
    ("given", "right", "wrong", "says"),
    [
        (AGENT, {"route_rule": "agents"}, {"route_rule": "default"}, "route_rule is `agents`"),
        (AGENT, {"target": "gpt"}, {"target": "eu"}, "target is `gpt`"),
        (AGENT, {"candidates": ["gpt", "eu"]}, {"candidates": ["gpt"]}, "candidates are `gpt`, `eu`"),
        (EUROPEAN, {"excluded": ["gpt"]}, {"excluded": ["eu"]}, "excluded lacks `eu`"),
        (EUROPEAN, {"fired": ["residency"]}, {"fired": ["agents"]}, "fired lacks `agents`"),
        (EUROPEAN, {"not_fired": ["agents"]}, {"not_fired": ["residency"]}, "`residency` fired"),
        (AGENT, {"shadow": ["tried"]}, {"shadow": ["agents"]}, "shadow lacks `agents`"),
        (AGENT, {"limits": {"ttft": "7s"}}, {"limits": {"ttft": "8s"}}, "limits.ttft is 7s, not 8s"),
        (VECTORS, {"target": "vectors"}, {"target": "gpt"}, "target is `vectors`"),
        (COUNT, {"target": "claude"}, {"target": "gpt"}, "target is `claude`"),
        (STREAM, {"mid_stream": "continue"}, {"mid_stream": "abort"}, "mid_stream is continue, not abort"),
        (STREAM, {"held": ["tools"]}, {"held": []}, "held are `tools`, not none"),
        (STREAM, {"held": ["tools"]}, {"held": ["tools", "schema"]}, "held are `tools`, not `tools`, `schema`"),
        (
            THING,
            {"expected_schema": "thing.schema.json", "fired": ["thing"]},
            {"mid_stream": "restart"},
            "mid_stream is abort",
        ),
        (AGENT, {"denied": False}, {"denied": True}, "it is not denied"),
        (REFUSED, {"fired": ["unhelpful"]}, {"not_fired": ["unhelpful"]}, "`unhelpful` fired"),
        (REFUSED, {"shadow": ["hidden"]}, {"shadow": ["dear"]}, "shadow lacks `dear`"),
        (REFUSED, {"denied": {"code": "unhelpful", "status": 502}}, {"denied": False}, "denied with 502 `unhelpful`"),
    ],
)
def test_an_expectation_holds_or_says_what_is_so(
    given: dict[str, Any], right: dict[str, Any], wrong: dict[str, Any], says: str
) -> None:
    assert failures(given, right) == []
    (message,) = failures(given, wrong)
    assert says in message


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ({"request": {"input_tokens": 1_000_000}}, {"denied": {"status": 413, "code": "too_big", "rule": "big"}}),
        ({"request": {"input_tokens": 1001}}, {"candidates": ["eu"], "excluded": ["gpt"]}),
        ({"request": {"input_tokens": 1000}}, {"target": "gpt"}),
        (
            {"targets": {"gpt": {"latency": {"ttft_p50": "1s", "ttft_p95": "3s", "total_p95": "9s"}}}},
            {"fired": ["slow"]},
        ),
        ({"request": {"tools": [{"name": "sql"}], "messages": [{"role": "tool"}]}}, {"fired": ["tools"]}),
        ({"request": {"headers": {"X-A": "b"}}, "session": {"id": "c1"}}, {"fired": ["kept"]}),
        ({"request": {"headers": {"X-Request-ID": "r9"}}}, {"fired": ["named"]}),
        ({"response": {"refused": True}}, {"denied": {"rule": "unhelpful"}}),
        ({"response": {"finish_reason": "content_filter"}}, {"denied": {"rule": "unhelpful"}}),
        ({"response": {"text": "I cannot, sorry", "refused": False}}, {"denied": False, "not_fired": ["unhelpful"]}),
        (
            {"response": {"text": "Sure"}},
            {"denied": False, "not_fired": ["unhelpful", "called", "long", "unfit", "dear"]},
        ),
        ({"response": {"finish_reason": "length"}}, {"fired": ["long"]}),
        ({"response": {"tool_calls": [{"name": "sql"}]}}, {"fired": ["called"]}),
        ({"response": {"schema_valid": False}}, {"denied": {"rule": "unfit"}}),
        ({"usage": {"input_tokens": 1000, "output_tokens": 1000}}, {"denied": {"rule": "dear"}}),
        ({"usage": {"input_tokens": 1000}}, {"not_fired": ["dear"]}),
        ({"request": JSON, "response": {"text": "no"}}, {"fired": ["unfit"]}),
        ({"request": JSON, "response": {"text": "{}"}}, {"not_fired": ["unfit"]}),
        ({"request": JSON, "response": {"text": "{}", "schema_valid": False}}, {"fired": ["unfit"]}),
        ({**THING, "response": {"text": "{}"}}, {"fired": ["unfit"]}),
        ({**THING, "response": {"text": '{"z": 1}'}}, {"not_fired": ["unfit"]}),
        ({**THING, "response": {"tool_calls": [{"name": "sql"}]}}, {"not_fired": ["unfit"]}),
        ({"request": {"model": "eu"}, "response": {"text": "x"}}, {"fired": ["eu-said"]}),
        ({"request": {"input_tokens": 1_000_000}, "response": {"refused": True}}, {"denied": {"rule": "big"}}),
        ({"request": {"body": {"model": "eu-x", "messages": [{"role": "user", "content": "x"}]}}}, {"target": "eu"}),
    ],
)
def test_what_is_given_is_what_rules_see(given: dict[str, Any], expect: dict[str, Any]) -> None:
    assert failures(given, expect) == []


def test_a_denial_that_is_another_one_says_which() -> None:
    given = {"request": {"input_tokens": 1_000_000}}
    assert "denied.code is `too_big`, not `other`" in failures(given, {"denied": {"code": "other"}})[0]
    assert "denied with 413 `too_big`" in failures(given, {"denied": False})[0]


def test_a_schema_that_is_not_expected_is_missed() -> None:
    assert failures({}, {"expected_schema": "thing.schema.json"}) == [
        "test `t` fails: the schema that answers have to fit is none, not thing.schema.json"
    ]


def test_a_body_that_is_no_request_fails_the_test() -> None:
    (message,) = failures({"request": {"body": {"model": "m"}}}, {"target": "gpt"})
    assert "makes no request" in message
