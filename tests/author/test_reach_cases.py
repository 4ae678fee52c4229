"""What is said of small policies: what can never take effect, at which line; and when nothing is said."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import Client, ModelRequest, RoutingState, build
from policyroute.cel.compile import Compiler

BASE = """version: 1
providers:
  near: {dialect: openai_chat, base_url: "embedded:", region: eu}
  far: {dialect: openai_chat, base_url: "embedded:", region: us}
targets:
  good: {provider: near, model: good, quality: 0.9, price: {input: 1, output: 2}}
  poor: {provider: far, model: poor, quality: 0.5}
  both: {providers: [near, far], model: both, quality: 0.7}
  bare: {provider: far, model: bare}
"""
LAST = "default: {route: [good]}\n"
_COMPILER = Compiler()


def rule(name: str, when: str | None, effect: str = "route: [good]") -> str:
    condition = f"when: '{when}', " if when else ""
    return f"  - {{id: {name}, {condition}{effect}}}\n"


def said(*rules: str, last: str = LAST) -> list[tuple[str, int]]:
    """Each warning's code, and the rule at whose line it stands, from 0; -1 for `default`."""
    first = len((BASE + last + "rules:\n").splitlines()) + 1
    program = build({"a.yaml": BASE + last + "rules:\n" + "".join(rules)}, _COMPILER).program
    found = [(problem.code, problem.span.line - first) for problem in program.warnings if problem.span]
    return [(code, max(line, -1)) for code, line in found]


DEAD = [
    'client.team == "a" && client.team == "b"',
    'client.team in ["a", "b"] && client.team == "c"',
    'client.team in ["a", "b"] && client.team != "a" && client.team != "b"',
    'client.team == "x" && client.team.startsWith("y")',
    'client.team.startsWith("ab") && client.team.startsWith("b")',
    "request.size > 10 && request.size < 10",
    "request.size >= 10 && request.size < 10",
    "request.size > 20 && request.size <= 10",
    "request.size == 5 && request.size > 5",
    "request.stream && !request.stream",
    "false",
    'request.profile == "AGENT" && false',
]


@pytest.mark.parametrize("when", DEAD)
def test_a_contradiction_is_found(when: str) -> None:
    assert said(rule("a", when)) == [("rule-never-matches", 0)]


ALIVE = [
    'client.team == "a" && client.tier == "b"',
    'client.team in ["a", "b"] && client.team != "a"',
    'client.team.startsWith("a") && client.team.startsWith("ab")',
    "request.size >= 10 && request.size <= 10",
    "request.size > 10 && request.size < 12",
    'request.tools.exists(t, t.name == "x") && request.tools.exists(t, t.name == "y")',
    'client.team == "a" || client.team == "b"',
    'client.id + "x" == client.team',
]


@pytest.mark.parametrize("when", ALIVE)
def test_what_may_hold_is_left_alone(when: str) -> None:
    assert said(rule("a", when)) == []


TAKEN = [
    (None, 'client.team == "a"'),
    (None, None),
    ('client.team == "a"', 'client.team == "a"'),
    ('client.team == "a"', 'client.team == "a" && request.stream'),
    ('client.team in ["a", "b"]', 'client.team == "a"'),
    ('client.team in ["a", "b", "c"]', 'client.team in ["c", "a"]'),
    ('client.team != "a"', 'client.team == "b"'),
    ('client.team != "a"', 'client.team != "a" && client.team != "b"'),
    ('client.team.startsWith("a")', 'client.team.startsWith("ab")'),
    ('client.team.startsWith("a")', 'client.team == "abc"'),
    ('client.team != "b"', 'client.team.startsWith("a")'),
    ("request.size > 10", "request.size > 20"),
    ("request.size >= 10", "request.size > 10"),
    ("request.size > 10", "request.size == 11"),
    ("request.size < 20", "request.size > 5 && request.size <= 10"),
    ("request.size != 5", "request.size > 5"),
    ('client.team == "a" || client.tier == "b"', 'client.team == "a"'),
    ('client.team == "a" || client.tier == "b"', 'client.team == "a" || client.tier == "b"'),
    ('request.tools.exists(t, t.name in ["x", "y"])', 'request.tools.exists(t, t.name == "x")'),
    ('client.id + "x" == client.team', 'client.id + "x" == client.team && request.stream'),
]


@pytest.mark.parametrize(("earlier", "later"), TAKEN)
def test_what_an_earlier_rule_takes_is_found(earlier: str | None, later: str | None) -> None:
    assert said(rule("a", earlier), rule("b", later)) == [("rule-shadowed", 1)]
    assert said(rule("a", earlier, "deny: {}"), rule("b", later)) == [("rule-denied-before", 1)]


NOT_TAKEN = [
    ('client.team == "a"', None),
    ('client.team == "a"', 'client.team in ["a", "b"]'),
    ('client.team == "a" && request.stream', 'client.team == "a"'),
    ('client.team.startsWith("ab")', 'client.team.startsWith("a")'),
    ("request.size > 10", "request.size >= 10"),
    ("request.size > 20", "request.size > 10"),
    ("request.size != 5", "request.size >= 5"),
    ('client.team == "a"', 'client.team == "a" || client.tier == "b"'),
    ('request.tools.exists(t, t.name == "x")', 'request.tools.exists(t, t.description == "x")'),
    ('client.id + "x" == client.team', 'client.id + "y" == client.team'),
]


@pytest.mark.parametrize(("earlier", "later"), NOT_TAKEN)
def test_what_may_get_past_an_earlier_rule_is_left_alone(earlier: str | None, later: str | None) -> None:
    assert said(rule("a", earlier), rule("b", later)) == []
    assert said(rule("a", earlier, "deny: {}"), rule("b", later)) == []


def test_only_what_an_earlier_rule_ends_is_lost() -> None:
    """A route wins the route alone; a denial ends everything; shadow and off end nothing."""
    limits = "limits: {ttft: 5s}"
    assert said(rule("a", None), rule("b", "request.stream", limits)) == []
    assert said(rule("a", None, "deny: {}"), rule("b", "request.stream", limits)) == [("rule-denied-before", 1)]
    assert said(rule("a", None, limits), rule("b", "request.stream")) == []
    for mode in ("shadow", "off"):
        assert said(rule("a", None, f"mode: {mode}, deny: {{}}"), rule("b", "request.stream")) == []


def test_a_dead_rule_takes_nothing_and_is_named_once() -> None:
    never = 'client.team == "a" && client.team == "b"'
    assert said(rule("a", never), rule("b", never)) == [("rule-never-matches", 0), ("rule-never-matches", 1)]


def test_the_first_taker_is_named() -> None:
    text = BASE + LAST + "rules:\n" + rule("a", "request.size > 5") + rule("b", None) + rule("c", "request.size > 9")
    (warning,) = build({"a.yaml": text}, _COMPILER).warnings
    assert warning.code == "rule-shadowed"
    assert "`c`" in warning.message
    assert "`a` (a.yaml:" in warning.message


EXCLUDED = [
    ("quality_floor: 0.8, route: [good, poor]", 1),
    ("quality_floor: 0.8, route: [poor, both]", 2),
    ("quality_floor: 0.1, route: [bare]", 1),
    ("""require: 'target.region == "eu"', route: [good, poor]""", 1),
    ("""require: 'target.region == "eu"', route: [both, requested]""", 0),
    ("require: 'has(target.quality) && target.quality > 0.6', route: [poor, both]", 1),
    ("""require: 'target.in_flight < 3', route: [poor]""", 0),
    ("""require: 'target.latency.ttft_p95 < duration("1s")', route: [poor]""", 0),
    ("""require: 'target.region == client.tags["region"]', route: [poor]""", 0),
    ("quality_floor: 0.5, route: [poor, both]", 0),
]


@pytest.mark.parametrize(("effect", "count"), EXCLUDED)
def test_candidates_that_a_rule_keeps_out_of_its_own_route(effect: str, count: int) -> None:
    assert said(rule("a", "request.stream", effect)) == [("candidate-excluded", 0)] * count


TAGGED = """variables: {task: client.tier}
targets:
  good: {provider: near, model: good, quality: {default: 0.6, code: 0.9}}
  poor: {provider: far, model: poor, quality: {default: 0.5, code: 0.7}}
  bare: {provider: far, model: bare}
"""
BY_TASK = [
    ("quality_floor: 0.8, route: [good, poor]", 1),
    ("quality_floor: {default: 0.8, code: 0.9}, route: [good, poor]", 1),
    ("quality_floor: {default: 0.9, code: 0.6}, route: [good, poor, bare]", 1),
    ("quality_floor: {default: 0.9, unknown: allow}, route: [bare, good]", 0),
    ("quality_floor: {default: 0.95, unknown: allow}, route: [bare, good]", 1),
    ("require: 'has(target.quality) && target.quality > 0.95', route: [good, poor]", 0),
]


@pytest.mark.parametrize(("effect", "count"), BY_TASK)
def test_out_is_who_is_under_the_floor_for_every_kind_of_task(effect: str, count: int) -> None:
    text = BASE.partition("targets:")[0] + TAGGED + LAST + "rules:\n" + rule("a", "request.stream", effect)
    warnings = build({"a.yaml": text}, _COMPILER).warnings
    assert [problem.code for problem in warnings] == ["candidate-excluded"] * count


def test_a_floor_that_holds_wherever_a_route_does_keeps_candidates_out_of_it() -> None:
    agents = 'request.profile == "AGENT"'
    floor = rule("floor", agents, "quality_floor: 0.8")
    route = rule("a", f'{agents} && client.team == "x"', "route: [poor, good]")
    assert said(floor, route) == [("candidate-excluded", 1)]
    assert said(floor, rule("a", None, "route: [poor, good]")) == []
    assert said(rule("floor", agents, "mode: shadow, quality_floor: 0.8"), route) == []


def test_a_rule_that_always_holds_keeps_candidates_out_of_every_route() -> None:
    floor = rule("floor", None, "quality_floor: 0.8")
    poor = "default: {route: [poor, good]}\n"
    assert sorted(said(floor, rule("a", "request.stream", "route: [poor]"), last=poor)) == [
        ("candidate-excluded", -1),
        ("candidate-excluded", 1),
    ]
    assert said(rule("floor", "request.stream", "quality_floor: 0.8"), last=poor) == []
    assert said(rule("floor", None, "mode: shadow, quality_floor: 0.8"), last=poor) == []


_PARTS = st.sampled_from(
    [
        'client.team == "a"',
        'client.team in ["a", "b"]',
        'client.team != "a"',
        'client.team.startsWith("a")',
        'client.team.startsWith("ab")',
        '(client.team == "b" || request.stream)',
        "request.stream",
        "!request.stream",
        "request.input_tokens > 10",
        "request.input_tokens >= 20",
        "request.input_tokens < 20",
        'request.tools.exists(t, t.name == "x")',
        'request.tools.exists(t, t.name.startsWith("x"))',
    ]
)
_RULES = st.lists(st.tuples(st.sets(_PARTS, min_size=1, max_size=3), st.booleans()), min_size=2, max_size=6)


def drawn(rng: random.Random) -> tuple[ModelRequest, Client]:
    tools = [
        {"type": "function", "function": {"name": name}} for name in rng.sample(["x", "xy", "z"], rng.randrange(3))
    ]
    body = {
        "model": "auto",
        "stream": rng.random() < 0.5,
        "tools": tools,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    request = ModelRequest.read("openai_chat", orjson.dumps(body), {}, "/v1/chat/completions")
    tokens = rng.choice([5, 10, 11, 19, 20, 21])
    return request.declaring(input_tokens=tokens), Client(team=rng.choice(["", "a", "b", "ab", "abc", "c"]))


@settings(max_examples=60, deadline=None)
@given(_RULES, st.integers(0, 2**32))
def test_what_is_called_dead_or_lost_never_fires_or_wins(rules: list[tuple[set[str], bool]], seed: int) -> None:
    lines = [
        rule(f"r{number}", " && ".join(sorted(parts)), "deny: {}" if deny else "route: [good]")
        for number, (parts, deny) in enumerate(rules)
    ]
    policy = build({"a.yaml": BASE + LAST + "rules:\n" + "".join(lines)}, _COMPILER)
    warned = {(code, f"r{number}") for code, number in said(*lines)}
    rng = random.Random(seed)
    for _ in range(40):
        request, client = drawn(rng)
        decision = policy.decide(request, RoutingState.empty(), 0.0, client=client)
        fired = [name for name in decision.fired if name in {f"r{number}" for number in range(len(rules))}]
        denials = [name for name in fired if rules[int(name[1:])][1]]
        for code, name in warned:
            if code == "rule-never-matches":
                assert name not in fired
            elif code == "rule-shadowed":
                assert decision.route_rule != name
            elif name in fired:
                assert decision.denied is not None
                assert denials[0] != name
