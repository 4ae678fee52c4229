"""What is settled when a policy is loaded: names, types, phases, guards, literals, and what the tree becomes."""

from __future__ import annotations

from typing import Any

import pytest

from policyroute.cel.check import Checked, check
from policyroute.cel.expression import Demand, Environment
from policyroute.cel.functions import FUNCTIONS, UNSUPPORTED
from policyroute.cel.parse import parse
from policyroute.cel.syntax import Call, Literal, Node, children
from policyroute.cel.trouble import Trouble
from policyroute.cel.types import (
    BOOL,
    CIDR,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Cost,
    Field,
    Kind,
    Phase,
    Type,
    enum_of,
    list_of,
    map_by_name,
    map_of,
    record,
    total_map,
)
from policyroute.cel.values import Duration
from policyroute.clearance import Clearance
from policyroute.problems import Severity

FORMAT = record("response_format", {"kind": Field(STRING), "limit": Field(INT, optional=True)})
MESSAGE = record("message", {"role": Field(enum_of("user", "system")), "text": Field(STRING)})


def target(phase: Phase) -> Type:
    price = record("price", {"input": Field(DOUBLE, phase=phase, optional=True)})
    return record(
        "target",
        {
            "region": Field(STRING, phase=phase),
            "clearance": Field(CLEARANCE, phase=phase),
            "quality": Field(DOUBLE, phase=phase, optional=True),
            "price": Field(price, phase=phase),
            "ttft": Field(DURATION, phase=phase),
        },
    )


REQUEST = record(
    "request",
    {
        "model": Field(STRING),
        "profile": Field(enum_of("CHAT", "AGENT")),
        "headers": Field(total_map(folded_keys=True), cost=Cost.HEADERS, omittable=True),
        "messages": Field(list_of(MESSAGE)),
        "temperature": Field(DOUBLE, optional=True),
        "tokens": Field(INT),
        "format": Field(FORMAT, optional=True),
        "params": Field(map_of(STRING, DYN)),
        "time": Field(TIMESTAMP),
        "user": Field(STRING, optional=True),
    },
)
ENVIRONMENT = Environment(
    {
        "request": REQUEST,
        "client": record("client", {"tier": Field(STRING), "tags": Field(total_map()), "address": Field(STRING)}),
        "target": target(Phase.CANDIDATE),
        "targets": map_by_name(["gpt", "mini"], target(Phase.REQUEST)),
        "variables": record("variables", {"long": Field(BOOL)}),
    },
    frozenset({"request", "client", "variables"}),
    {"tiers": ["pro", "enterprise"], "limit": 5, "open": ["public"], "pattern": "^a+$", "prices": {"low": 0.5}},
)
REQUEST_BOOL = Demand(BOOL)
CANDIDATE = Demand(BOOL, Phase.CANDIDATE)
GUARDED = Demand(BOOL, Phase.CANDIDATE, guarded=True)


def checked(text: str, demand: Demand = CANDIDATE) -> Checked:
    parsed = parse(text)
    assert isinstance(parsed, Node), parsed
    return check(parsed, ENVIRONMENT, demand)


def troubles(text: str, demand: Demand = CANDIDATE) -> tuple[Trouble, ...]:
    return checked(text, demand).troubles


def tree(text: str, demand: Demand = CANDIDATE) -> Node:
    found = checked(text, demand)
    assert found.tree is not None, found.troubles
    return found.tree


@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        ("sesion == 1", "cel-unknown-name", "sesion", "unknown name"),
        ("model == 'a'", "cel-unknown-name", "model", "did you mean `request.model`?"),
        ("request.modle == 'a'", "cel-unknown-name", "request.modle", "did you mean `model`?"),
        ("request.tier == 'a'", "cel-unknown-name", "request.tier", "did you mean `client.tier`?"),
        ("targets['gpd'].quality > 0.5", "cel-unknown-name", "'gpd'", "did you mean `gpt`?"),
        ("targets.gpd.quality > 0.5", "cel-unknown-name", "targets.gpd", "did you mean `gpt`?"),
        ("client.tier in constants.tier", "cel-unknown-name", "constants.tier", "did you mean `tiers`?"),
        (
            "client.tier.startWith('a')",
            "cel-unknown-function",
            "client.tier.startWith('a')",
            "did you mean `startsWith`?",
        ),
        ("startsWith(client.tier, 'a')", "cel-unknown-function", "startsWith(client.tier, 'a')", "is a method"),
        ("client.tier.int() == 1", "cel-unknown-function", "client.tier.int()", "int(x)"),
        ("optional.of(1) == 1", "cel-unsupported", "optional.of(1)", "optional values"),
        ("ip(client.address) == 1", "cel-unsupported", "ip(client.address)", "containsIP"),
        ("cel.bind(a, 1, a == 1)", "cel-unsupported", "cel.bind(a, 1, a == 1)", "variables"),
        ("request.tokens == '5'", "cel-type", "request.tokens == '5'", "never equal"),
        ("true == 1", "cel-type", "true == 1", "never equal"),
        ("request.tokens > '5'", "cel-type", "request.tokens > '5'", "`>` is not for"),
        ("request.tokens + 1.5 > 2.0", "cel-type", "request.tokens + 1.5", "double(x)"),
        ("target.ttft > 5", "cel-type", "target.ttft > 5", "duration("),
        ("request.model + 1 == 'a'", "cel-type", "request.model + 1", "`+` is not for"),
        ("request.temperature == null", "cel-type", "request.temperature == null", "has(x.field)"),
        ("request.tokens in ['a']", "cel-type", "request.tokens in ['a']", "is in no list"),
        ("'a' in request.model", "cel-type", "'a' in request.model", "contains"),
        ("1 in request.headers", "cel-type", "1", "keys of this map"),
        ("request", "cel-type", "request", "no value"),
        ("request.messages[0] == 1", "cel-type", "request.messages[0]", "no value"),
        ("request.messages.map(m, m) == []", "cel-type", "m", "no value"),
        ("[target] == []", "cel-type", "target", "no value"),
        ("request['model'] == 'a'", "cel-type", "request['model']", "request.model"),
        ("request.model.length == 1", "cel-type", "request.model.length", "size(x)"),
        ("request.tokens && true", "cel-type", "request.tokens && true", "`&&` is not for"),
        ("request.messages.all(m, m.text)", "cel-type", "m.text", "has to be bool"),
        ("request.tokens.exists(t, true)", "cel-type", "request.tokens", "goes over lists"),
        ("size(5) == 1", "cel-type", "size(5)", "not for (int)"),
        ("size('a', 'b') == 1", "cel-type", "size('a', 'b')", "takes 1 argument,"),
        ("math.greatest('a', 1) == 1", "cel-type", "math.greatest('a', 1)", "not for"),
        ("{1.5: 2} == {}", "cel-type", "1.5", "cannot be a key"),
        ("request.tokens", "cel-type", "request.tokens", "has to be bool"),
        ("client.tier ? true : false", "cel-type", "client.tier ? true : false", "`?:` is not for"),
        ("request.profile == 'AGNET'", "cel-bad-literal", "'AGNET'", "did you mean `AGENT`?"),
        ("'chat' != request.profile", "cel-bad-literal", "'chat'", "did you mean `CHAT`?"),
        ("request.profile in ['AGENT', 'BACH']", "cel-bad-literal", None, "never `BACH`"),
        ("'usr' in request.messages.map(m, m.role)", "cel-bad-literal", None, "never `usr`"),
        ("request.messages.exists(m, m.role == 'tool')", "cel-bad-literal", "'tool'", "system, user"),
        ("target.clearance < 'confidental'", "cel-bad-literal", "'confidental'", "did you mean `confidential`?"),
        ("target.clearance in ['public', 'intern']", "cel-bad-literal", None, "public < internal"),
        ("target.ttft > duration('5')", "cel-bad-literal", "'5'", "a number and a unit"),
        ("request.time > timestamp('yesterday')", "cel-bad-literal", "'yesterday'", "2026-03-01T12:00:00Z"),
        ("cidr('10.0.0.0').containsIP(client.address)", "cel-bad-literal", "'10.0.0.0'", "10.0.0.0/8"),
        ("cidr(client.address).containsIP('10.0.0.1')", "cel-bad-literal", "client.address", "takes a literal"),
        ("request.time.getHours('Mars') == 1", "cel-bad-literal", "'Mars'", "Europe/Berlin"),
        ("request.model.matches('(')", "cel-bad-pattern", "'('", ""),
        ("request.model.matches(client.tier)", "cel-bad-pattern", "client.tier", "takes a literal"),
        ("glob(request.model, client.tier)", "cel-bad-pattern", "client.tier", "takes a literal"),
        ("{true: 'a', 1: 'b'}[true] == 'a'", "cel-unsupported", "{true: 'a', 1: 'b'}", "`true` beside `1`"),
    ],
)
def test_what_is_wrong_is_found_once_and_at_its_place(text: str, code: str, place: str | None, says: str) -> None:
    found = checked(text)
    (trouble,) = found.troubles
    assert found.tree is None
    assert trouble.code == code
    assert place is None or text[trouble.start : trouble.end] == place
    assert says in f"{trouble.message} {trouble.hint}"


def test_all_that_is_wrong_is_found_at_once() -> None:
    text = "request.modle == 'a' && request.tokens > 'x' && frob(1) && request.profile == 'AGNET' && target.region == 1"
    codes = [trouble.code for trouble in troubles(text, REQUEST_BOOL)]
    expected = ["cel-unknown-name", "cel-type", "cel-unknown-function", "cel-bad-literal", "cel-type", "cel-phase"]
    assert sorted(codes) == sorted(expected)


def test_phase() -> None:
    (trouble,) = troubles("target.region == 'eu'", REQUEST_BOOL)
    assert trouble.code == "cel-phase"
    assert trouble.message == "`target.region` is not available in phase request (first available: candidate)"
    assert troubles("target.region == 'eu'", CANDIDATE) == ()
    assert troubles("targets['gpt'].region == 'eu'", REQUEST_BOOL) == ()


@pytest.mark.parametrize(
    "text",
    [
        "has(request.temperature) && request.temperature > 0.5",
        "request.temperature > 0.5 && has(request.temperature)",
        "request.tokens > 1 && (has(request.temperature) && request.tokens > 2) && request.temperature > 0.5",
        "!has(request.temperature) || request.temperature > 0.5",
        "request.tokens > 5 || !has(request.temperature) || request.temperature > 0.5",
        "has(request.temperature) ? request.temperature > 0.5 : false",
        "!has(request.temperature) ? false : request.temperature > 0.5",
        "!(has(request.temperature) && request.temperature > 0.5)",
        "!(!has(request.temperature)) && request.temperature > 0.5",
        "(has(request.temperature) || has(request.user)) && request.tokens > 1",
        "has(request.format.limit) && request.format.limit > 1 && request.format.kind == 'x'",
        "has(targets['gpt'].quality) && targets.gpt.quality > 0.5",
        "has(target.quality) && [1.0].exists(v, target.quality > v)",
        "has(request.params.seed) && request.params.seed == 7",
        "'seed' in request.params && request.params['seed'] == 7",
        "has(request.params.a) && has(request.params.a.b) && request.params.a.b == 1",
        "get(request.params, 'seed', 0) == 7",
        "client.tags['x'] == 'y'",
        "[{'a': 1}].exists(m, has(m.a) && m.a == 1)",
        "[{'a': 1}].map(m, has(m.a), m.a) == [1]",
    ],
)
def test_optional_fields_that_are_asked_for_may_be_read(text: str) -> None:
    assert troubles(text, GUARDED) == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("request.temperature > 0.5", "request.temperature"),
        ("has(request.temperature) || request.temperature > 0.5", "request.temperature"),
        ("!has(request.temperature) && request.temperature > 0.5", "request.temperature"),
        ("has(request.user) && request.temperature > 0.5", "request.temperature"),
        ("(has(request.temperature) || has(request.user)) && request.temperature > 0.5", "request.temperature"),
        ("has(request.temperature) ? true : request.temperature > 0.5", "request.temperature"),
        ("request.format.kind == 'x'", "request.format"),
        ("has(request.format) && request.format.limit > 1", "request.format.limit"),
        ("targets['gpt'].quality > 0.5 && has(targets['mini'].quality)", "targets['gpt'].quality"),
        ("target.price.input > 1.0", "target.price.input"),
        ("request.params.seed == 7", "request.params.seed"),
        ("request.params['seed'] == 7", "request.params['seed']"),
        ("has(m.a) && [{'a': 1}].exists(m, m.a == 1)", None),
    ],
)
def test_in_guarded_places_what_may_be_absent_has_to_be_asked_for(text: str, place: str | None) -> None:
    found = [trouble for trouble in troubles(text, GUARDED) if trouble.code == "cel-unguarded"]
    assert found
    if place is not None:
        assert [text[trouble.start : trouble.end] for trouble in found] == [place]
        assert "has(" in str(found[0].hint)
        assert troubles(text, CANDIDATE) == ()


def test_resting_on_what_a_client_can_leave_out_is_a_warning() -> None:
    found = checked('request.headers["x-internal"] == "yes"', GUARDED)
    assert found.tree is not None
    assert [(trouble.code, trouble.severity) for trouble in found.troubles] == [("cel-omittable", Severity.WARNING)]
    assert "`request.headers`" in found.troubles[0].message
    assert troubles('request.headers["x-internal"] == "yes"', CANDIDATE) == ()


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("request.tokens > 1 && client.tier == 'a'", {"request.tokens", "client.tier"}),
        ("targets['gpt'].quality > targets.mini.price.input", {"targets.gpt.quality", "targets.mini.price.input"}),
        ("targets.exists(t, targets[t].quality > 0.5)", {"targets", "targets.*.quality"}),
        ("request.messages.exists(m, m.text == '')", {"request.messages"}),
        ("request.messages[0].text == ''", {"request.messages"}),
        ("has(request.format.limit) && variables.long", {"request.format.limit", "variables.long"}),
        ("has(request.format)", {"request.format"}),
        ("request.headers['x'] == 'y' || 'z' in request.headers", {"request.headers"}),
        ("[1].exists(request, request == 1)", set[str]()),
        ("constants.limit == 5", set[str]()),
    ],
)
def test_reads(text: str, reads: set[str]) -> None:
    assert checked(text).reads == reads


def literals(node: Node) -> list[Any]:
    if isinstance(node, Literal):
        return [node.value]
    return [value for child in children(node) for value in literals(child)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("target.clearance < 'confidential'", [Clearance.CONFIDENTIAL]),
        ("target.clearance in constants.open", [(Clearance.PUBLIC,)]),
        ("'public' in [target.clearance]", [Clearance.PUBLIC]),
        ("client.tier in constants.tiers", [("pro", "enterprise")]),
        ("target.price.input < constants.prices.low * 2.0", [1.0]),
        ("target.ttft > duration('1500ms')", [Duration(1_500_000_000)]),
        ("request.headers['X-Team'] == 'Research'", ["x-team", "Research"]),
        ("'X-Team' in request.headers", ["x-team"]),
        ("request.temperature == 1", [1.0]),
        ("request.tokens in [1, 1 + 1]", [(1, 2)]),
        ("request.model.matches(constants.pattern)", ["^a+$"]),
    ],
)
def test_literals_become_what_they_mean(text: str, values: list[Any]) -> None:
    found = literals(tree(text))
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_a_computed_header_name_is_lower_cased_when_it_is_known() -> None:
    node = tree("request.headers[client.tier] == ''")
    assert isinstance(node, Call)
    assert isinstance(node.args[0], Call)
    key = node.args[0].args[1]
    assert isinstance(key, Call)
    assert key.function == "lowerAscii"


def test_folding_leaves_errors_where_they_are() -> None:
    assert isinstance(tree("1 / 0 == 1 || true"), Call)
    assert literals(tree("cidr('10.0.0.0/8').containsIP(client.address)"))[0].contains_ip("10.1.1.1")


def test_every_node_of_a_checked_tree_has_its_type() -> None:
    waiting = [tree("request.messages.exists(m, m.text.size() > request.tokens) && has(request.user)")]
    kinds: dict[str, Kind] = {}
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        kinds[type(node).__name__ + getattr(node, "function", getattr(node, "field", ""))] = node.type.kind
    assert kinds["Comprehension"] is Kind.BOOL
    assert kinds["Selectmessages"] is Kind.LIST
    assert kinds["Selecttext"] is Kind.STRING
    assert kinds["Callsize"] is Kind.INT
    assert kinds["Selectuser"] is Kind.BOOL


@pytest.mark.parametrize(
    ("text", "type_", "fits"),
    [
        ("request.tokens", INT, True),
        ("request.tokens", DOUBLE, True),
        ("request.params.seed", BOOL, True),
        ("request.params.seed", DOUBLE, False),
        ("request.params.seed", DYN, True),
        ("target.price", DYN, False),
        ("client.tags.x", STRING, True),
        ("target.ttft", DOUBLE, False),
        ("'public'", CLEARANCE, True),
        ("'nope'", CLEARANCE, False),
        ("cidr('10.0.0.0/8')", CIDR, True),
    ],
)
def test_the_result_is_what_the_place_asks_for(text: str, type_: Type, fits: bool) -> None:
    assert (checked(text, Demand(type_, Phase.CANDIDATE)).tree is not None) is fits


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_is_not_supported_is_refused_by_name(name: str) -> None:
    assert name not in FUNCTIONS
    (trouble,) = troubles(f"{name}(1) == 1")
    assert trouble.code == "cel-unsupported"
    assert f"`{name}`" in trouble.message
