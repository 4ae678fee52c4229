"""What a decision makes of a conversation: where it is pinned, what CEL sees of it, what a warm cache is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute import Client, Decision, ModelRequest, Operation, PolicySet, RoutingState, build
from policyroute.cel.expression import EvaluationError
from policyroute.clearance import Clearance
from policyroute.sessions import Pin, Session, Settings
from policyroute.sessions.session import WARM_FOR, Place, Warm

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]

NOW = 1_800_000_000.0
ROUTE = "default: {route: [mini, gpt, eu]}"


def kept(place: Place = ("gpt", "azure"), *, back: bool = False, why: str = "", **facts: Any) -> Session:
    """A conversation of three requests that is pinned there."""
    pin = Pin(*place, generation=facts.pop("generation", 0), why=why)
    settings = Settings(pin=True, back=back)
    session = Session("CHAT", settings, NOW - 90, NOW - 10, 3, pin, home=place, served=place)
    return replace(session, **facts)


def places(decision: Decision) -> list[tuple[str, str, str]]:
    return [(each.target, each.provider.name, each.why) for each in decision.candidates]


PINNED = ("gpt", "azure", "pinned")
SIBLING = ("gpt", "openai", "same_target")
MINI, EU = ("mini", "openai", "routed"), ("eu", "frankfurt", "routed")


def decide(policy: PolicySet, request: ModelRequest, session: Session | None = None, **facts: Any) -> Decision:
    state = facts.pop("state", RoutingState.empty())
    return policy.decide(request, state, NOW, session=session, **facts)


def test_a_pinned_place_comes_first_then_its_target_then_the_route(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(ROUTE), ask(), kept())
    assert places(decision) == [PINNED, SIBLING, MINI, EU]
    assert decision.unpinned == ""
    assert "gpt at azure: candidate 1, where the conversation is pinned" in decision.reasons


def test_the_first_request_goes_where_the_route_says(policy: MakePolicy, ask: Ask) -> None:
    first = decide(policy("default: {route: [mini, eu], session: {pin: true, ttl: 1h}}"), ask())
    assert places(first) == [MINI, EU]
    assert (first.session.pin, first.session.ttl, first.unpinned) == (True, 3600.0, "")


@pytest.mark.parametrize(
    "route",
    [
        "default: {route: [mini, eu]}",
        "default: {route: [requested]}",
        "default: {route: {targets: [mini, gpt, eu], rank: cost}}",
        "default: {route: {targets: [mini, eu], weights: {mini: 1, eu: 1}}}",
    ],
)
def test_it_is_tried_first_whatever_the_route_is(route: str, policy: MakePolicy, ask: Ask) -> None:
    decision = decide(policy(route), ask("gpt-5-mini"), kept())
    assert places(decision)[:2] == [PINNED, SIBLING]
    assert len(decision.candidates) > 2
    assert not any(target == "gpt" for target, _, _ in places(decision)[2:])


@pytest.mark.parametrize(
    ("rules", "facts", "code"),
    [
        ("rules: [{id: a, require: target.provider != 'azure'}]\n", {}, "require"),
        ("rules: [{id: a, quality_floor: 0.95}]\n", {}, "quality_floor"),
        ("", {"client": Client(models=("mini",))}, "not_granted"),
        ("", {"state": RoutingState(missing_secrets=frozenset({"azure"}))}, "missing_secret"),
        ("", {"session": kept(("gone", "azure"))}, "undefined"),
        ("", {"session": kept(("gpt", "frankfurt"))}, "undefined"),
    ],
)
def test_what_rules_it_out_is_said(rules: str, facts: dict[str, Any], code: str, policy: MakePolicy, ask: Ask) -> None:
    session = facts.pop("session", kept())
    decision = decide(policy(rules + ROUTE), ask(), session, **facts)
    assert decision.unpinned == code
    assert decision.as_json()["unpinned"] == code
    assert "pinned" not in [why for _, _, why in places(decision)]


def test_a_prompt_that_does_not_fit_moves_it(policy: MakePolicy, ask: Ask) -> None:
    long = ask(messages=[{"role": "user", "content": "word " * 6000}])
    decision = decide(policy(ROUTE), long, kept())
    assert places(decision) == [MINI, EU]
    assert decision.unpinned == "context_window"


def test_its_other_providers_come_next_where_it_is_out(policy: MakePolicy, ask: Ask) -> None:
    state = RoutingState(missing_secrets=frozenset({"azure"}))
    assert places(decide(policy(ROUTE), ask(), kept(), state=state)) == [SIBLING, MINI, EU]


def test_a_hop_to_a_pinned_place_that_the_route_omits_is_held_to_the_rules(policy: MakePolicy, ask: Ask) -> None:
    rules = "rules: [{id: a, require: target.in_flight < 5}]\ndefault: {route: [mini]}"
    policy_set = policy(rules)
    decision = decide(policy_set, ask(), kept())
    busy = RoutingState(in_flight={("gpt", "azure"): 5})
    assert policy_set.hop(decision, decision.candidates[0], RoutingState.empty()).excluded is None
    out = policy_set.hop(decision, decision.candidates[0], busy).excluded
    assert out is not None and out.code == "require"


def test_it_goes_home_where_that_is_wanted(policy: MakePolicy, ask: Ask) -> None:
    moved = kept(home=("eu", "frankfurt"), back=True, generation=1, why="unavailable")
    home = ("eu", "frankfurt", "home")
    assert places(decide(policy(ROUTE), ask(), moved)) == [home, PINNED, SIBLING, MINI]
    stays = replace(moved, settings=Settings(pin=True))
    assert places(decide(policy(ROUTE), ask(), stays)) == [PINNED, SIBLING, MINI, EU]
    barred = decide(policy("rules: [{id: a, require: target.region != 'eu'}]\n" + ROUTE), ask(), moved)
    assert places(barred) == [PINNED, SIBLING, MINI]
    assert barred.unpinned == ""


def test_a_conversation_that_was_not_pinned_is_routed(policy: MakePolicy, ask: Ask) -> None:
    session = replace(kept(), pin=None, settings=Settings())
    assert places(decide(policy(ROUTE), ask(), session))[0] == MINI


def test_it_is_held_as_at_its_first_request(policy: MakePolicy, ask: Ask) -> None:
    session = replace(kept(), settings=Settings(pin=True, max_wait=9.0, ttl=7.0))
    decision = decide(policy("default: {route: [mini], session: {pin: false, return: true}}"), ask(), session)
    assert decision.session == session.settings
    assert decision.as_json()["session"] == {"pin": True, "max_wait": 9.0, "return": False, "ttl": 7.0}


def test_session_and_watch_are_merged_key_by_key(policy: MakePolicy, ask: Ask) -> None:
    decision = decide(
        policy("""
        rules:
          - {id: a, session: {pin: true}, divergence: {react: [nudge]}}
          - {id: b, session: {pin: false, max_wait: 5s}, divergence: {react: [stop], repeats: 4}}
          - {id: c, mode: shadow, session: {ttl: 1s}, divergence: {polling: []}}
        default: {route: [mini], session: {ttl: 2h, return: true}, divergence: {polling: [knock]}}
        """),
        ask(),
    )
    assert decision.session == Settings(pin=True, max_wait=5.0, back=True, ttl=7200.0)
    assert decision.watch.as_json() == {"react": ["nudge"], "repeats": 4, "polling": ["knock"]}


def test_a_count_of_tokens_follows_and_embeddings_do_not() -> None:
    policy_set = build(
        {
            "a.yaml": """
version: 1
providers:
  one: {dialect: anthropic, base_url: https://one.example/v1}
  chat: {dialect: openai_chat, base_url: https://two.example/v1}
targets:
  large: {provider: one, model: large}
  small: {provider: one, model: small}
  vectors: {provider: chat, model: vectors, supports: {embeddings: true}}
  others: {provider: chat, model: others, supports: {embeddings: true}}
default: {route: [small, vectors]}
"""
        }
    )
    counted = ModelRequest.read(
        "anthropic",
        orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}),
        operation=Operation.COUNT_TOKENS,
    )
    assert places(decide(policy_set, counted, kept(("large", "one"))))[0] == ("large", "one", "pinned")
    embedded = ModelRequest.read(
        "openai_chat", orjson.dumps({"model": "auto", "input": "Hi"}), operation=Operation.EMBEDDINGS
    )
    decision = decide(policy_set, embedded, kept(("others", "chat")))
    assert (places(decision), decision.unpinned) == ([("vectors", "chat", "routed")], "")


def test_what_an_account_keeps_is_asked_of_the_account_that_it_is_pinned_to() -> None:
    policy_set = build(
        {
            "a.yaml": """
version: 1
providers:
  one: {dialect: openai_responses, base_url: https://one.example/v1}
  two: {dialect: openai_responses, base_url: https://two.example/v1}
targets: {gpt: {providers: [one, two], model: gpt}}
default: {route: [gpt]}
"""
        }
    )
    body = {"model": "auto", "input": "Hi", "previous_response_id": "resp_1"}
    request = ModelRequest.read("openai_responses", orjson.dumps(body))
    session = kept(("gpt", "two"), home=("gpt", "one"), back=True)
    assert places(decide(policy_set, request, session)) == [("gpt", "two", "pinned")]


# What CEL sees -------------------------------------------------------------------------------------------------------

SEEN = """
rules:
  - id: seen
    when: >-
      session.id == "c1" && session.turn == 4 && session.age == duration("90s") && session.target == "gpt"
      && session.switches == 2 && session.divergence == 1 && session.labels.all(l, l <= "internal")
    route: [eu]
  - id: first
    when: >-
      session.turn == 1 && session.age == duration("0s") && session.target == "" && session.switches == 0
      && session.divergence == 0 && size(session.labels) == 0
    route: [mini]
default: {route: [gpt]}
"""


def test_cel_sees_the_conversation(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(SEEN)
    request = ask(headers={"X-Conversation-ID": "c1"})
    session, shown = kept(generation=2, divergence=1), (Clearance.PUBLIC, Clearance.INTERNAL)
    assert decide(policy_set, request, session, session_labels=shown).route_rule == "seen"
    assert decide(policy_set, request, session, session_labels=(Clearance.SECRET,)).route_rule == "default"
    assert decide(policy_set, request).route_rule == "first"


def test_labels_are_those_handed_over_and_fail_closed_where_nobody_knows(policy: MakePolicy, ask: Ask) -> None:
    rule = 'rules:\n  - id: a\n    when: session.labels.exists(l, l >= "confidential")\n    deny: {}\n'
    policy_set = policy(rule)
    assert policy_set.needs_session_labels
    assert not policy(ROUTE).needs_session_labels
    assert decide(policy_set, ask()).denied is None
    assert decide(policy_set, ask(), session_labels=(Clearance.INTERNAL,)).denied is None
    denied = decide(policy_set, ask(), session_labels=(Clearance.INTERNAL, Clearance.SECRET)).denied
    assert denied is not None and denied.status == 403
    unknown = decide(policy_set, ask(), session_labels=EvaluationError("nobody knows")).denied
    assert unknown is not None and unknown.code == "policy_error"


PRICED = """
version: 1
providers: {one: {dialect: openai_chat, base_url: https://one.example/v1}}
targets:
  a: {provider: one, model: a, price: {input: 3.0, cached_input: 0.3, output: 15.0}}
  b: {provider: one, model: b, price: {input: 2.5, output: 15.0}}
rules:
  - {id: warm, when: 'targets["a"].cache_warm', response_headers: {set: {X-Warm: yes}, where: target.cache_warm}}
default: {route: {targets: [a, b], rank: cost}}
"""


@pytest.mark.parametrize(("ago", "warm"), [(0.0, True), (WARM_FOR, True), (WARM_FOR + 1, False)])
def test_a_warm_cache_is_worth_what_it_saves(ago: float, warm: bool, ask: Ask) -> None:
    policy_set = build({"a.yaml": PRICED})
    request = ask(messages=[{"role": "user", "content": "word " * 2000}], max_tokens=10)
    tokens = request.input_tokens
    session = Session("CHAT", warm={("a", "one"): Warm(NOW - ago, tokens - 100)})
    decision = decide(policy_set, request, session)
    plain = decide(policy_set, request)
    assert [each.target for each in plain.candidates] == ["b", "a"]
    assert [each.target for each in decision.candidates] == (["a", "b"] if warm else ["b", "a"])
    score = {each.target: each.score for each in decision.candidates}
    cached = tokens - 100 if warm else 0
    assert score["a"] == pytest.approx(((tokens - cached) * 3.0 + cached * 0.3 + 10 * 15.0) / 1e6)
    assert score["b"] == pytest.approx((tokens * 2.5 + 10 * 15.0) / 1e6)
    assert ("warm" in decision.fired) is warm
    if warm:
        hop = policy_set.hop(decision, decision.candidates[0], RoutingState.empty())
        assert hop.set_response_headers == {"x-warm": "yes"}
        assert hop.candidate.as_json()["observed"]["cache_warm"] is True


def test_no_more_is_warm_than_there_is(ask: Ask) -> None:
    request = ask(max_tokens=0)
    session = Session("CHAT", warm={("a", "one"): Warm(NOW, 10**6)})
    decision = decide(build({"a.yaml": PRICED}), request, session)
    assert decision.candidates[0].score == pytest.approx(request.input_tokens * 0.3 / 1e6)


# Which conversation --------------------------------------------------------------------------------------------------

KEYS = """
rules:
  - {id: off, mode: "off", session: {key: '"never"'}}
  - {id: shadow, mode: shadow, session: {key: '"never"'}}
  - {id: broken, when: client.team == "odd", session: {key: 'string(10 / size(request.tools))'}}
  - {id: named, when: session.id != "", session: {key: 'client.id + "/" + session.id'}}
  - {id: agents, when: request.profile == "AGENT", session: {key: request.opening}}
"""


def test_the_first_rule_that_matches_says_which_conversation_it_is(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy(KEYS)
    state, client = RoutingState.empty(), Client(id="ci", team="odd")

    errors: list[Any] = []

    def key(request: ModelRequest) -> str:
        errors.clear()
        return policy_set.conversation_key(request, client, state, NOW, errors)

    assert key(ask(headers={"X-Conversation-ID": "c1"})) == "ci/c1"
    assert [(each.rule, each.effect, each.reason, each.consequence) for each in errors] == [
        ("broken", "session.key", "divide by zero", "skipped")
    ]
    agent = ask(headers={"X-Router-Profile": "AGENT"})
    assert key(agent) == agent.opening != ""
    assert key(ask()) == ""
    assert policy(ROUTE).conversation_key(agent, client, state, NOW, []) == ""


def test_the_default_may_have_a_key(policy: MakePolicy, ask: Ask) -> None:
    policy_set = policy("default: {route: [gpt], session: {key: client.id}}")
    assert policy_set.conversation_key(ask(), Client(id="ci"), RoutingState.empty(), NOW, []) == "ci"


BY_CLIENT = build({"a.yaml": PRICED.replace("rank: cost}", "rank: cost}, session: {key: client.id}")})
ANY = ModelRequest.read("openai_chat", b'{"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}')


@given(st.text(st.characters(exclude_categories=())) | st.text(min_size=250, max_size=300))
def test_a_key_is_always_a_name(text: str) -> None:
    key = BY_CLIENT.conversation_key(ANY, Client(id=text), RoutingState.empty(), NOW, [])
    assert len(key) <= 256
    assert key.isprintable()
    assert (key == text) == (len(text) <= 256 and text.isprintable())
