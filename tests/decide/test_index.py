"""The index gives what asking every condition gives: random rules, random requests, errors and all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import Client, Latency, ModelRequest, RoutingState
from policyroute.absent import ABSENT
from policyroute.cel import Demand, Environment, Expression, plain
from policyroute.cel.compile import Compiler
from policyroute.cel.types import BOOL, Field, Phase
from policyroute.clearance import Clearance
from policyroute.decide.endpoints import Endpoints
from policyroute.decide.facts import Facts, facts_class
from policyroute.decide.index import Index
from policyroute.decide.matching import Match, scan
from policyroute.decide.rows import MAX_ROWS, rows_of
from policyroute.policy.capabilities import CAPABILITIES
from policyroute.policy.model import Price, Provider, Rule, Target
from policyroute.policy.qualities import ByTask
from policyroute.policy.vocabulary import FLAT, roots
from policyroute.problems import Span

SPAN = Span("p.yaml", 1, 1, 1, 2)
PROVIDER = Provider("p", "openai_chat", "https://p.example", (), "eu", Clearance.INTERNAL, (), {}, SPAN)
PRICE = Price(1.0, ABSENT, ABSENT, 2.0)
ABLE = dict.fromkeys(CAPABILITIES, True) | {"embeddings": False}
TARGETS = {
    name: Target(name, name, (PROVIDER,), ByTask(quality), ABSENT, ABSENT, PRICE, ABLE, {"kind": name}, SPAN)
    for name, quality in (("a", 0.5), ("b", ABSENT))
}
VARIABLES = {
    "long": "request.input_tokens > 20",
    "erring": "10 / size(request.tools) > 1",
    "both": "variables.long && client.team == 't1'",
}
ENVIRONMENT = Environment(roots(TARGETS, {name: Field(BOOL) for name in VARIABLES}), FLAT)
COMPILER = Compiler()


def compiled(text: str) -> Expression:
    expression, problems = COMPILER.compile(plain(text), ENVIRONMENT, Demand(BOOL, Phase.REQUEST))
    assert expression is not None, problems
    return expression


FACTS = facts_class({name: compiled(text) for name, text in VARIABLES.items()})
ENDPOINTS = Endpoints(TARGETS).first

names = st.sampled_from(["t1", "t2", "t3", ""])
numbers = st.integers(-1, 6)
PATHS = [
    "client.team",
    "client.tier",
    'request.headers["x-a"]',
    'request.metadata["k"]',
    'client.tags["t"]',
    "request.model",
]
OPTIONAL = ["request.max_tokens", "request.temperature"]
compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def quoted(text: str) -> str:
    return f'"{text}"'


atoms = st.one_of(
    st.builds("{} {} {}".format, st.sampled_from(PATHS), st.sampled_from(["==", "!="]), names.map(quoted)),
    st.builds("{} in [{}, {}]".format, st.sampled_from(PATHS), names.map(quoted), names.map(quoted)),
    st.builds("!({} in [{}])".format, st.sampled_from(PATHS), names.map(quoted)),
    st.builds("{}.startsWith({})".format, st.sampled_from(PATHS), st.sampled_from(["", "t", "t1", "x"]).map(quoted)),
    st.builds("size(request.messages) {} {}".format, compare, numbers),
    st.builds("{} {} {}".format, st.sampled_from(OPTIONAL), compare, numbers),
    st.builds("{} {} {}".format, numbers, compare, st.just("request.max_tokens")),
    st.builds("has({})".format, st.sampled_from([*OPTIONAL, "request.response_format", 'targets["b"].quality'])),
    st.builds('request.response_format.type == "{}"'.format, st.sampled_from(["text", "json_object"])),
    st.builds("request.tools.exists(t, t.name == {})".format, names.map(quoted)),
    st.builds(
        "request.messages.exists(m, m.role.startsWith({}))".format, st.sampled_from(["", "u", "sys"]).map(quoted)
    ),
    st.builds("request.messages.exists(m, size(m.text) {} {})".format, st.sampled_from(["<", ">="]), numbers),
    st.builds("{} in request.modalities".format, st.sampled_from(["text", "image", "none"]).map(quoted)),
    st.builds("{} in request.headers".format, st.sampled_from(["x-a", "x-b"]).map(quoted)),
    st.builds('targets["{}"].latency.ttft_p95 {} duration("{}s")'.format, st.sampled_from("ab"), compare, numbers),
    st.builds('targets["{}"].quality {} 0.5'.format, st.sampled_from("ab"), compare),
    st.sampled_from(['"a" in targets', "size(targets) == 2", "targets.exists(n, targets[n].latency.known)"]),
    st.sampled_from(["request.stream", "!request.stream", "variables.long", "variables.both", "variables.erring"]),
    st.sampled_from(["10 / size(request.tools) > 1", "request.params.seed == 1", "size(request.messages) % 2 == 0"]),
    st.sampled_from(["request.messages.all(m, m.text != 't1')", "client.team == client.tier", "true", "false"]),
)
groups = st.lists(atoms, min_size=1, max_size=4).map(lambda parts: "(" + " || ".join(parts) + ")")
negated = groups.map(lambda text: "!" + text)
conditions = st.lists(st.one_of(atoms, groups, negated), min_size=1, max_size=4).map(" && ".join)
trees = st.recursive(conditions, lambda inner: st.builds("({} ? {} : {})".format, inner, inner, inner), max_leaves=3)


@dataclass(frozen=True)
class World:
    client: Client
    request: ModelRequest
    state: RoutingState

    def facts(self) -> Facts:
        return FACTS(self.request, self.client, self.state, 0.0, ENDPOINTS)


def _request(headers: dict[str, str], body: Mapping[str, Any]) -> ModelRequest:
    return ModelRequest.read("openai_chat", orjson.dumps(body), headers, "/v1/chat/completions")


def _state(seconds: float) -> RoutingState:
    return RoutingState({("a", "p"): Latency(seconds, seconds, seconds)})


tools = st.lists(names.filter(bool).map(lambda name: {"type": "function", "function": {"name": name}}), max_size=3)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system"]), "content": st.sampled_from(["", "t1", "hello " * 20])}
    ),
    min_size=1,
    max_size=5,
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["t1", "t2", "auto"]), "messages": messages},
    optional={
        "tools": tools.filter(bool),
        "stream": st.booleans(),
        "max_tokens": st.integers(1, 5),
        "temperature": st.sampled_from([0, 1, 1.5]),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}]),
        "metadata": st.fixed_dictionaries({"k": names}),
        "seed": st.integers(0, 2),
    },
)
seconds = st.sampled_from([0.0, 1.0, 2.5])
worlds = st.builds(
    World,
    st.builds(Client, team=names, tier=names, tags=st.fixed_dictionaries({}, optional={"t": names})),
    st.builds(_request, st.fixed_dictionaries({}, optional={"X-A": names, "X-B": names}), bodies),
    st.builds(_state, seconds),
)


def _rules(texts: list[str | None]) -> list[Rule]:
    return [Rule(f"r{n}", n, SPAN, when=None if text is None else compiled(text)) for n, text in enumerate(texts)]


def _told(match: Match) -> tuple[int, dict[int, str]]:
    return match.matched, {position: error.reason for position, error in match.erred.items()}


@given(st.lists(st.none() | trees, max_size=12), st.lists(worlds, min_size=1, max_size=4))
def test_the_index_gives_what_the_scan_gives(texts: list[str | None], requests: list[World]) -> None:
    rules = _rules(texts)
    index = Index(rules, ENVIRONMENT)
    for world in requests:
        assert _told(index.match(world.facts())) == _told(scan(rules, world.facts()))


@st.composite
def over_one_field(draw: st.DrawFn) -> list[str]:
    """Conditions that all compare the same field, so that they meet in the same tables."""
    if draw(st.booleans()):
        path = draw(st.sampled_from(PATHS))
        words = st.sampled_from(["t1", "t2", "t", ""]).map(quoted)
        comparisons = st.one_of(
            st.builds("{} {} {}".format, st.just(path), st.sampled_from(["==", "!="]), words),
            st.builds("{} in [{}, {}]".format, st.just(path), words, words),
            st.builds("{}.startsWith({})".format, st.just(path), words),
        )
    else:
        path = draw(st.sampled_from(["size(request.messages)", *OPTIONAL]))
        comparisons = st.builds("{} {} {}".format, st.just(path), compare, st.integers(0, 4))
    joined = st.builds(str.join, st.sampled_from([" && ", " || "]), st.lists(comparisons, min_size=1, max_size=3))
    return draw(st.lists(joined, min_size=1, max_size=8))


@given(over_one_field(), worlds)
def test_comparisons_of_one_field_too(texts: list[str], world: World) -> None:
    rules = _rules(list(texts))
    assert _told(Index(rules, ENVIRONMENT).match(world.facts())) == _told(scan(rules, world.facts()))


THRESHOLDS = st.lists(
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 1000)), min_size=1, max_size=4
)


@given(THRESHOLDS, worlds, st.none() | st.integers(0, 1000))
def test_tokens_that_are_not_counted_are_not_missed(
    asked: list[tuple[str, int]], world: World, declared: int | None
) -> None:
    request = world.request if declared is None else world.request.declaring(input_tokens=declared)
    world = replace(world, request=request)
    rules = _rules([f"request.input_tokens {operator} {number}" for operator, number in asked])
    assert _told(Index(rules, ENVIRONMENT).match(world.facts())) == _told(scan(rules, world.facts()))


def test_tokens_are_counted_only_where_there_may_be_enough() -> None:
    request = _request({}, {"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    facts = FACTS(request, Client(), RoutingState.empty(), 0.0, ENDPOINTS)
    for least, counted in ((request.size + 1, False), (request.size, True)):
        Index(_rules([f"request.input_tokens > {least}"]), ENVIRONMENT).match(facts)
        assert ("input_tokens" in vars(request)) is counted


def test_an_or_of_atoms_is_a_row_for_each_and_one_dimension_is_one_atom() -> None:
    def rows(text: str) -> list[tuple[int, int]]:
        return [(len(row.atoms), len(row.residual)) for row in rows_of(0, compiled(text).parts)]

    assert rows("client.team == 'a' || client.tier == 'b'") == [(1, 0), (1, 0)]
    assert rows("client.team == 'a' || client.team in ['b', 'c']") == [(1, 0)]
    assert rows("client.team == 'a' || client.team.startsWith('b')") == [(1, 0), (1, 0)]
    assert rows("client.team.startsWith('a') || client.team.startsWith('b')") == [(1, 0), (1, 0)]
    assert rows("request.stream && (client.team == 'a' || client.tier == 'b')") == [(2, 0), (2, 0)]
    assert rows("request.stream && (client.team == 'a' || client.team == client.tier)") == [(1, 1)]
    many = " && ".join(f"(client.team == '{n}' || client.tier == '{n}')" for n in range(8))
    assert len(rows(many)) <= MAX_ROWS


class Counting:
    """A request that notes which of its fields are read."""

    def __init__(self, request: ModelRequest) -> None:
        self._request = request
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.read.append(name)
        return getattr(self._request, name)


DEAR = frozenset({"messages", "tools", "system", "last_user", "input_tokens", "headers", "metadata", "response_format"})


@pytest.mark.parametrize(
    ("team", "read"),
    [("t1", {"input_tokens"}), ("t2", {"headers"}), ("t3", set[str]()), ("", {"tools"})],
)
def test_what_is_dear_is_read_only_where_a_rule_that_can_still_match_asks(team: str, read: set[str]) -> None:
    rules = _rules(
        [
            'client.team == "t1" && request.input_tokens > 1',
            'request.headers["x-a"] == "t1" && client.team == "t2"',
            'request.last_user.contains("x") && request.headers["x-b"] == "nobody" && client.team == "t2"',
            'client.team == "" && (size(request.tools) > 2 || request.tools.exists(t, t.name == "x"))',
            'client.team == "none" && request.system.matches("x+")',
        ]
    )
    request = Counting(_request({"X-A": "t1"}, {"model": "m", "messages": [{"role": "user", "content": "hello"}]}))
    facts = FACTS(cast(ModelRequest, request), Client(team=team), RoutingState.empty(), 0.0, ENDPOINTS)
    Index(rules, ENVIRONMENT).match(facts)
    assert DEAR & set(request.read) == read
