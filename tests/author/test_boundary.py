"""What is said to an author of what would cross: who is asked, who is passed over and why, and how much is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from policyroute import ModelRequest, RoutingState, build
from policyroute.author.boundary import BoundaryTrace, crossings
from policyroute.exchange.passage import Passage
from policyroute.exchange.payload import build as build_attempt
from policyroute.exchange.redacting import Secrecy
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.request import Operation

PROVIDERS = """
version: 1
providers:
  home: {dialect: openai_chat, base_url: "embedded:", region: eu, clearance: confidential}
  away: {dialect: openai_chat, base_url: "embedded:"}
  far: {dialect: anthropic, base_url: "embedded:", clearance: confidential}
  open: {dialect: openai_chat, base_url: "embedded:", clearance: public}
targets:
  one: {provider: home, model: m}
  again: {provider: home, model: n}
  two: {provider: away, model: m}
  three: {provider: far, model: m}
  four: {provider: open, model: m}
  public-vectors: {provider: open, model: v, supports: {embeddings: true}}
  vectors: {provider: away, model: v, supports: {embeddings: true}}
"""
RICH = Path(__file__).parents[1] / "exchange" / "rich"
HOW: dict[str, Any] = {"addition": None, "measured": False}
SECRET = "The launch is called Tangerine Heron."
SYSTEM = f"You write letters. <confidential>{SECRET}</confidential> <required>Answer in French.</required>"
NEEDED = f"<required><confidential>{SECRET}</confidential></required>"
ASKED = "Write to zoe.quill@mail.example about card 4111 1111 1111 1111."
RULES = """
rules:
  - {id: labels, scrub: {}}
  - {id: pii, redact: {detect: [pii], where: 'target.provider != "home"', restore: true}}
"""


def crossed(route: str, rules: str = RULES, system: str = SYSTEM, asked: str = ASKED, **more: Any) -> BoundaryTrace:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
    body = orjson.dumps({"model": "auto", "messages": turns, **more})
    request = ModelRequest.read("openai_chat", body, path="/v1/chat/completions")
    policy = build({"a.yaml": f"{PROVIDERS}{rules}\ndefault: {{route: {route}}}\n"})
    state = RoutingState.empty()
    secrecy = Secrecy(b"hashes", None, Pseudonyms(b"pseudonyms"))
    return crossings(policy, request, policy.decide(request, state, 0.0), state, secrecy)


def names(crossings: BoundaryTrace) -> str:
    """Who begins, and who is left then."""
    home = [crossings.home] if crossings.home else []
    return " ".join(hop.candidate.target for hop in (*home, *crossings.left))


def test_the_first_one_has_it_all_and_to_others_it_crosses() -> None:
    found = crossed("[one, again, two, three]", asked=f"{ASKED} Bye.", user="u-1")
    assert [hop.crosses for hop in found.hops] == [False, False, True, True]
    first, same, away, far = (hop.told for hop in found.hops)
    assert first and same and away and far
    assert not (first.cuts or first.normalised or first.found)
    assert SECRET.encode() in first.body and SECRET.encode() in same.body
    for told in (away, far):
        assert [(cut.action, cut.selector, cut.bytes_in) for cut in told.cuts] == [
            ("dropped", "tag:confidential", len(SECRET))
        ]
        assert (told.before.by_label["confidential"], told.after.by_label.get("confidential", 0)) == (len(SECRET), 0)
        assert told.before.by_role["user"] == told.after.by_role["user"] == len(ASKED) + 5
        assert told.found == {"email": 1, "card": 1}
        assert [str(change) for change in told.normalised] == ["user=dropped"]
        assert b"Tangerine" not in told.body and b"zoe.quill" not in told.body and b"Answer in French." in told.body
    assert "max_tokens=added" in map(str, far.adapted), "its dialect asks for it"


def test_who_is_passed_over_is_no_home_and_says_why() -> None:
    found = crossed("[four, two, one, three]", system=NEEDED)
    reasons = [hop.refusal and (hop.refusal.code, hop.refusal.rule) for hop in found.hops]
    assert reasons == [("clearance", "labels"), ("clearance", "labels"), None, None]
    assert [hop.crosses for hop in found.hops] == [False, False, False, True]
    assert names(found) == "one three"
    detail = found.hops[1].refusal
    assert detail and "required" in detail.detail and "turns[0].parts[0].text" in detail.detail


@pytest.mark.parametrize(
    ("route", "system", "told"),
    [
        ("[one, two]", NEEDED, "one"),
        ("[one, two, three]", NEEDED, "one three"),
        ("[two, four]", NEEDED, ""),
        ("[one, two]", SYSTEM, "one two"),
        ("[one, two]", f"<confidential>{SECRET}", ""),
    ],
)
def test_whether_anybody_is_left_for_what_is_required(route: str, system: str, told: str) -> None:
    assert names(crossed(route, system=system)) == told


def test_those_beyond_the_limits_of_the_fallback_are_not_left() -> None:
    rules = f"{RULES}  - {{id: few, fallback: {{max_swaps: 1}}}}\n"
    found = crossed("[four, one, two, three]", rules)
    assert [hop.reached for hop in found.hops] == [True, True, True, False], "who is passed over does not count"
    assert names(found) == "one two"
    once = f"{RULES}  - {{id: once, fallback: {{max_attempts: 1}}}}\n"
    assert names(crossed("[one, two]", once)) == "one"


def test_what_a_rule_blocks_goes_nowhere_and_only_its_kind_is_told() -> None:
    found = crossed("[one, two]", "rules: [{id: cards, redact: {detect: [card], mode: block}}]")
    refusals = [hop.refusal for hop in found.hops]
    assert [refusal and (refusal.code, refusal.rule) for refusal in refusals] == [("blocked", "cards")] * 2
    assert all(refusal and "card" in refusal.detail and "4111" not in refusal.detail for refusal in refusals)


def test_names_of_fields_are_not_told_where_they_may_be_anybodys_words() -> None:
    profile = """
scrub: {mine: {select: [
  {id: fields, kind: parameter_name, label: confidential},
  {id: values, kind: parameter_value, label: confidential}]}}
rules: [{id: labels, scrub: {use: mine}}]
"""
    properties = {"tangerine": {"type": "string", "default": "Heron"}}
    parameters = {"type": "object", "properties": properties}
    tools = [{"type": "function", "function": {"name": "look", "parameters": parameters}}]
    stuck, *_ = crossed("[two]", profile, "Be kind.", tools=tools).hops
    assert stuck.refusal and "tools[0].parameters" in stuck.refusal.detail
    assert "tangerine" not in stuck.refusal.detail
    only_values = profile.replace("{id: fields, kind: parameter_name, label: confidential},", "")
    dropped = crossed("[two]", only_values, "Be kind.", tools=tools)
    assert [cut["id"] for cut in dropped.as_json()["hops"][0]["told"]["cuts"]] == ["tools[0].parameters"]
    assert "tangerine" not in str(dropped.as_json())


def test_texts_that_are_only_embedded_are_one_size() -> None:
    policy = build({"a.yaml": f"{PROVIDERS}{RULES}\ndefault: {{route: [public-vectors, vectors]}}\n"})
    body = orjson.dumps({"model": "auto", "input": ASKED})
    request = ModelRequest.read("openai_chat", body, path="/v1/embeddings", operation=Operation.EMBEDDINGS)
    state = RoutingState.empty()
    decision = policy.decide(request, state, 0.0)
    closed, told = crossings(policy, request, decision, state, Secrecy(b"k", None, Pseudonyms(b"p"))).hops
    assert closed.refusal and closed.refusal.code == "clearance"
    assert told.told and told.told.found == {"email": 1, "card": 1}
    assert told.told.after.by_label == {"internal": len(told.told.body)}


def test_nobody_is_asked_where_the_rules_deny() -> None:
    found = crossed("[one]", "rules: [{id: no, deny: {}}]")
    assert (found.hops, names(found)) == ((), "")
    assert found.as_json() == {"hops": [], "home": None, "left": []}


def test_the_same_is_said_of_the_same_and_no_text_is_in_it() -> None:
    one, other = crossed("[one, two, three]"), crossed("[one, two, three]")
    assert one == other
    said = f"{one!r} {one.as_json()}"
    for text in ("Tangerine", "zoe.quill", "4111", "letters", "French"):
        assert text not in said


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini"])
@pytest.mark.parametrize("rules", ["", RULES])
def test_what_is_shown_is_what_an_attempt_sends(dialect: str, rules: str) -> None:
    policy = build({"a.yaml": f"{PROVIDERS}{rules}\ndefault: {{route: [one, again, two, three]}}\n"})
    path = "/v1beta/models/auto:generateContent" if dialect == "gemini" else ""
    request = ModelRequest.read(dialect, (RICH / f"{dialect}.json").read_bytes(), path=path)
    state = RoutingState.empty()
    decision = policy.decide(request, state, 0.0)
    shown = crossings(policy, request, decision, state, Secrecy(b"k", None, Pseudonyms(b"p"))).hops
    secrecy = Secrecy(b"k", None, Pseudonyms(b"p"))
    sent = [
        build_attempt(request, hop, None, None, Passage.of(request, hop, secrecy, **HOW, crosses=each.crosses))
        for each in shown
        for hop in [policy.hop(decision, each.candidate, state)]
    ]
    assert [each.told and each.told.body for each in shown] == [payload.outbound.body for payload in sent]
    assert len(sent) == 4


@pytest.mark.parametrize(("react", "calls"), [("nudge", 4), ("prune", 2)])
def test_of_an_agent_that_goes_round_it_is_what_the_model_is_shown(react: str, calls: int) -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Find it."}]
    for at in range(4):
        call = {"id": f"c{at}", "type": "function", "function": {"name": "look", "arguments": '{"at": "/srv"}'}}
        turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
        turns.append({"role": "tool", "tool_call_id": f"c{at}", "content": "no such file"})
    rules = f"rules: [{{id: watched, divergence: {{react: [{react}]}}}}]"
    policy = build({"a.yaml": f"{PROVIDERS}{rules}\ndefault: {{route: [one, three]}}\n"})
    request = ModelRequest.read("openai_chat", orjson.dumps({"model": "auto", "messages": turns}))
    state = RoutingState.empty()
    decision = policy.decide(request, state, 0.0)
    for hop in crossings(policy, request, decision, state, Secrecy(b"k", None, Pseudonyms(b"p"))).hops:
        assert hop.told and hop.told.body.count(b"[gateway:divergence id=") == 1
        assert hop.told.body.count(b"no such file") == calls
        assert "messages.system=added" in map(str, hop.told.adapted)
