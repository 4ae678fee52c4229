"""What a client was granted binds whatever the rules say, on every hop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import BadRequest, Client, Decision, ModelRequest, PolicySet, RoutingState
from policyroute.request import Operation, Profiles

MakePolicy = Callable[..., PolicySet]
Ask = Callable[..., ModelRequest]
Decide = Callable[..., Decision]
Names = Callable[[Decision], list[str]]

ASKED = {("openai_chat", Operation.CHAT)}
EVERY = "default: {route: [requested, gpt, mini, eu, odd]}"
GLOBS = ["gpt", "gpt-5.5", "gpt-*", "*", "qwen?-*", "eu", "e?", "nobody", "", "o*", "GPT", "[gpt]", "x" * 5000]
TEXTS = [
    EVERY,
    "default: {route: [eu, mini]}",
    "default: {route: {targets: [mini, gpt, odd, eu], rank: cost}}",
    "default: {route: {targets: [mini, gpt, eu], weights: {mini: 1, gpt: 1}}}",
    EVERY + '\nrules: [{id: a, require: target.region == "eu"}, {id: b, quality_floor: 0.8}]',
    EVERY + '\nrules: [{id: a, require: client.team == ""}, {id: b, route: [gpt, requested]}]',
]


def fits(glob: str, word: str) -> bool:
    """By the book: `*` any run, `?` any one."""
    if not glob:
        return not word
    if glob[0] == "*":
        return any(fits(glob[1:], word[start:]) for start in range(len(word) + 1))
    return bool(word) and glob[0] in ("?", word[0]) and fits(glob[1:], word[1:])


@given(
    st.sampled_from(TEXTS),
    st.sampled_from(["auto", "gpt", "gpt-5-mini", "eu"]),
    st.lists(st.sampled_from(GLOBS), max_size=3).map(tuple),
)
@settings(max_examples=150)
def test_nothing_outside_a_grant_serves_on_any_hop(
    policy: MakePolicy, ask: Ask, text: str, model: str, models: tuple[str, ...]
) -> None:
    policy_set = made(policy, text)
    granted, everybody = Client(models=models), Client()
    state = RoutingState.empty()
    decision = policy_set.decide(ask(model), state, 0.0, client=granted)
    free = policy_set.decide(ask(model), state, 0.0, client=everybody)
    targets = policy_set.program.targets.values()
    expected = {
        each.name
        for each in targets
        if any(len(g) < 5000 and (fits(g, each.name) or fits(g, each.model)) for g in models)
    }
    assert set(policy_set.allowed(granted, ASKED)) == expected
    served = [(each.target, each.provider.name) for each in decision.candidates]
    assert served == [(c.target, c.provider.name) for c in free.candidates if c.target in expected]
    assert all(policy_set.hop(decision, each, state).excluded is None for each in decision.candidates)
    for candidate in free.candidates:  # as if somebody had put it among them
        hop = policy_set.hop(decision, candidate, state)
        assert (hop.excluded is not None) == (candidate.target not in expected)


_MADE: dict[str, PolicySet] = {}


def made(policy: MakePolicy, text: str) -> PolicySet:
    return _MADE.setdefault(text, _MADE.get(text) or policy(text))


def test_a_client_without_grants_may_use_everything(policy: MakePolicy, ask: Ask, names: Names) -> None:
    policy_set = policy(EVERY)
    assert policy_set.allowed(Client(), ASKED) == tuple(policy_set.program.targets)
    assert len(names(policy_set.decide(ask(), RoutingState.empty(), 0.0, client=Client()))) == 5


def test_who_is_granted_nothing_that_may_serve_is_told_so(decide: Decide, ask: Ask) -> None:
    decision = decide("default: {route: [gpt]}", ask(), client=Client(models=("mini",)))
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code) == (403, "model_not_granted")
    assert {out.code for out in decision.excluded} == {"not_granted"}
    assert "gpt" not in decision.denied.message


def test_an_apps_client_may_have_lists(decide: Decide, ask: Ask, names: Names) -> None:
    models: Any = ["eu"]
    assert names(decide("default: {route: [gpt, eu]}", ask(), client=Client(models=models))) == ["eu@frankfurt"]


def test_a_grant_and_a_rule_together_are_both_named(decide: Decide, ask: Ask) -> None:
    text = 'default: {route: [gpt, eu]}\nrules: [{id: only-us, require: target.region == "us"}]'
    denied = decide(text, ask(), client=Client(models=("eu",))).denied
    assert denied is not None
    assert denied.code == "no_eligible_target"
    assert "what the client was granted" in denied.message and "only-us" in denied.message


def test_a_request_that_asks_for_what_is_not_granted_goes_elsewhere(decide: Decide, ask: Ask, names: Names) -> None:
    decision = decide("default: {route: [requested, eu]}", ask("gpt"), client=Client(models=("eu", "mini")))
    assert names(decision) == ["eu@frankfurt"]


BODY = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'
OWN = Profiles(("NIGHTLY", "CHAT", "DAILY"), "CHAT")


def profile(named: str | None, granted: tuple[str, ...] | None = None) -> str:
    headers = {} if named is None else {"X-Router-Profile": named}
    return ModelRequest.read("openai_chat", BODY, headers, profiles=OWN, granted=granted).profile


@pytest.mark.parametrize(
    ("named", "granted", "chosen"),
    [
        (None, None, "CHAT"),
        ("", None, "CHAT"),
        ("NIGHTLY", None, "NIGHTLY"),
        ("DAILY", ("NIGHTLY", "DAILY"), "DAILY"),
        (None, ("DAILY", "CHAT"), "CHAT"),
        (None, ("DAILY", "NIGHTLY"), "DAILY"),
        (None, ("GONE", "NIGHTLY"), "NIGHTLY"),
    ],
)
def test_a_profile_is_what_is_named_or_the_default_or_the_first_granted(
    named: str | None, granted: tuple[str, ...] | None, chosen: str
) -> None:
    assert profile(named, granted) == chosen


@pytest.mark.parametrize(
    ("named", "granted", "status", "code", "said"),
    [
        ("AGENT", None, 400, "unknown_profile", "one of NIGHTLY, CHAT, DAILY"),
        ("AGENT", ("CHAT",), 400, "unknown_profile", "one of NIGHTLY, CHAT, DAILY"),
        ("chat", None, 400, "unknown_profile", "one of"),
        ("NIGHTLY", ("CHAT", "DAILY"), 403, "profile_not_granted", "it may use CHAT, DAILY"),
        ("CHAT", (), 403, "profile_not_granted", "it may use none"),
        (None, ("GONE",), 403, "profile_not_granted", "it may use none"),
    ],
)
def test_a_profile_that_is_not_known_or_not_granted_is_refused(
    named: str | None, granted: tuple[str, ...] | None, status: int, code: str, said: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        profile(named, granted)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert said in refused.value.message


def test_an_embedded_test_may_say_what_a_client_was_granted(policy: MakePolicy) -> None:
    policy("""
    default: {route: [gpt, eu]}
    profiles: {known: [CHAT, NIGHTLY]}
    tests:
      - name: granted one
        given: {client: {models: [qwen*], profiles: [NIGHTLY]}}
        expect: {target: eu, excluded: [gpt], fired: [at-night]}
    rules: [{id: at-night, when: request.profile == "NIGHTLY", limits: {ttft: 9s}}]
    """)
