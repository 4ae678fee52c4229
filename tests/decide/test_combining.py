"""How the effects of matching rules combine, and what becomes of those that cannot be evaluated."""

from __future__ import annotations

from collections.abc import Callable

from policyroute import Client, Decision, ModelRequest, RoutingState, build
from policyroute.failures import DEFAULT_AFTER, FailureKind

Ask = Callable[..., ModelRequest]
Decide = Callable[..., Decision]
Names = Callable[[Decision], list[str]]

ERRS = "10 / size(request.tools) > 1"
"""A condition that no request without tools can be asked."""


def test_the_first_matching_route_wins(decide: Decide, names: Names) -> None:
    decision = decide(
        """
    rules:
      - {id: never, when: "client.team == 'x'", route: [eu]}
      - {id: first, when: "client.team == 'y'", route: [mini]}
      - {id: second, when: "client.team == 'y'", route: [gpt]}
    """,
        client=Client(team="y"),
    )
    assert decision.route_rule == "first"
    assert names(decision) == ["mini@openai"]
    assert decision.fired == ("first", "second")


def test_nothing_matched_is_the_default(decide: Decide, names: Names) -> None:
    decision = decide("rules: [{id: never, when: 'client.team == \"x\"', route: [eu]}]")
    assert decision.route_rule == "default"
    assert names(decision) == ["gpt@openai", "gpt@azure"]
    assert decision.fired == ()


def test_a_deny_anywhere_refuses_and_the_earliest_reports(decide: Decide) -> None:
    decision = decide(
        """
    rules:
      - {id: route, route: [mini]}
      - {id: no, when: "client.team == 'y'", deny: {status: 413, code: too_much, message: Less}}
      - {id: no-either, deny: {status: 451, code: law, message: Law}}
    """,
        client=Client(team="y"),
    )
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code, decision.denied.message) == (413, "too_much", "Less")
    assert decision.denied.rule == "no"
    assert decision.candidates == ()


def test_a_deny_that_cannot_be_evaluated_refuses_as_a_policy_error(decide: Decide) -> None:
    decision = decide(f"rules: [{{id: no, when: '{ERRS}', deny: {{status: 413}}}}]")
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code, decision.denied.rule) == (500, "policy_error", "no")
    (error,) = decision.errors
    assert (error.rule, error.effect, error.consequence) == ("no", "deny", "applied")
    assert error.span is not None
    assert (error.span.file, error.span.line) == ("20-rules.yaml", 2)


def test_an_earlier_deny_that_matches_reports_rather_than_a_later_one_that_errs(decide: Decide) -> None:
    decision = decide(f"""
    rules:
      - {{id: plain, deny: {{status: 402}}}}
      - {{id: erring, when: "{ERRS}", deny: {{status: 413}}}}
    """)
    assert decision.denied is not None
    assert decision.denied.status == 402


def test_what_is_false_whatever_errs_does_not_apply(decide: Decide) -> None:
    decision = decide(f"""rules: [{{id: no, when: '{ERRS} && client.team == "x"', deny: {{status: 413}}}}]""")
    assert decision.denied is None
    assert decision.errors == ()


def test_every_requirement_holds_for_every_candidate(decide: Decide, names: Names) -> None:
    decision = decide("""
    rules:
      - {id: us, require: target.region == "us"}
      - {id: not-azure, require: "target.provider != 'azure'"}
      - {id: all, route: [eu, gpt, mini]}
    """)
    assert names(decision) == ["gpt@openai", "mini@openai"]
    assert [(out.target, out.provider, out.code, out.rule) for out in decision.excluded] == [
        ("eu", "frankfurt", "require", "us"),
        ("gpt", "azure", "require", "not-azure"),
    ]


def test_a_requirement_whose_condition_errs_applies(decide: Decide, names: Names) -> None:
    decision = decide(
        f"rules: [{{id: eu-only, when: '{ERRS}', require: target.region == \"eu\"}}, {{id: all, route: [gpt, eu]}}]"
    )
    assert names(decision) == ["eu@frankfurt"]
    assert decision.fired == ("eu-only", "all")


def test_a_requirement_that_errs_refuses_the_candidate(decide: Decide) -> None:
    decision = decide(f"rules: [{{id: odd, require: '{ERRS} && target.region == \"us\"'}}]")
    assert decision.denied is not None
    assert (decision.denied.status, decision.denied.code, decision.denied.rule) == (403, "no_eligible_target", "odd")
    assert {(error.effect, error.consequence) for error in decision.errors} == {("require", "refused")}


def test_the_highest_floor_holds_and_unknown_quality_is_under_it(decide: Decide, names: Names) -> None:
    decision = decide("""
    rules:
      - {id: low, quality_floor: 0.7}
      - {id: high, quality_floor: 0.91}
      - {id: all, route: [mini, odd, eu, gpt]}
    """)
    assert names(decision) == ["eu@frankfurt", "gpt@openai", "gpt@azure"]
    assert [(out.target, out.code, out.rule) for out in decision.excluded] == [
        ("mini", "quality_floor", "high"),
        ("odd", "quality_floor", "low"),
    ]


def test_a_route_whose_condition_errs_is_skipped_and_listed(decide: Decide) -> None:
    decision = decide(f"rules: [{{id: odd, when: '{ERRS}', route: [mini]}}]")
    assert decision.route_rule == "default"
    assert decision.fired == ()
    assert [(error.rule, error.effect, error.consequence) for error in decision.errors] == [("odd", "route", "skipped")]


def test_of_a_rule_that_errs_only_what_fails_closed_applies(decide: Decide, names: Names) -> None:
    decision = decide(f"""
    rules:
      - {{id: both, when: "{ERRS}", quality_floor: 0.9, route: [mini], transform: {{remove: [seed]}}}}
      - {{id: all, route: [mini, eu]}}
    """)
    assert decision.route_rule == "all"
    assert names(decision) == ["eu@frankfurt"]
    assert decision.transforms == ()
    assert [(error.effect, error.consequence) for error in decision.errors] == [
        ("quality_floor", "applied"),
        ("route", "skipped"),
        ("transform", "skipped"),
    ]


def test_shadow_rules_are_listed_and_do_nothing(decide: Decide) -> None:
    decision = decide(f"""
    rules:
      - {{id: would-deny, mode: shadow, deny: {{status: 402}}}}
      - {{id: would-err, mode: shadow, when: "{ERRS}", require: target.region == "mars"}}
      - {{id: would-not, mode: shadow, when: "client.team == 'x'", route: [eu]}}
      - {{id: is-off, mode: "off", deny: {{status: 402}}}}
    """)
    assert decision.denied is None
    assert decision.fired == ()
    assert decision.shadow == ("would-deny", "would-err")
    assert [(error.rule, error.consequence) for error in decision.errors] == [("would-err", "none")]


def test_fallback_and_limits_take_each_key_from_the_first_rule_that_sets_it(decide: Decide) -> None:
    decision = decide("""
    rules:
      - {id: one, fallback: {retries: 3}, limits: {ttft: 2s}}
      - {id: two, fallback: {retries: 5, max_swaps: 4}, limits: {ttft: 9s, idle: 3s}}
      - {id: not, when: "client.team == 'x'", limits: {connect: 1s}}
    default: {route: [gpt], fallback: {max_swaps: 7, swap_delay: 10ms}, limits: {total: 30s}}
    """)
    fallback, limits = decision.fallback, decision.limits
    assert (fallback.retries, fallback.max_swaps, fallback.max_attempts, fallback.swap_delay) == (3, 4, 4, 0.01)
    assert (limits.connect, limits.ttft, limits.idle, limits.total) == (5.0, 2.0, 3.0, 30.0)


def test_an_edit_of_after_edits_what_the_default_gives(decide: Decide) -> None:
    edited = decide("rules: [{id: one, fallback: {after: {add: [schema_invalid], remove: [auth]}}}]")
    assert edited.fallback.after == DEFAULT_AFTER - {FailureKind.AUTH} | {FailureKind.SCHEMA_INVALID}
    replaced = decide("""
    rules:
      - {id: one, fallback: {after: {add: [refused]}}}
      - {id: two, fallback: {after: [auth]}}
    default: {route: [gpt], fallback: {after: [timeout]}}
    """)
    assert replaced.fallback.after == {
        FailureKind.REFUSED,
        FailureKind.TIMEOUT_CONNECT,
        FailureKind.TIMEOUT_TTFT,
        FailureKind.TIMEOUT_IDLE,
    }


def test_a_decision_is_json_and_says_everything(decide: Decide, ask: Ask) -> None:
    decision = decide(
        """
    rules:
      - {id: floor, quality_floor: 0.9}
      - {id: all, route: {targets: [mini, gpt, eu], rank: cost}, transform: {remove: [seed]}}
    """,
        ask("gpt"),
    )
    said = decision.as_json()
    assert said["route_rule"] == "all"
    assert said["fired"] == ["floor", "all"]
    assert [(each["target"], each["why"]) for each in said["candidates"]] == [
        ("gpt", "ranked"),
        ("gpt", "ranked"),
        ("eu", "unranked"),
    ]
    assert said["candidates"][0]["observed"]["est_cost_usd"] == said["candidates"][0]["score"]
    assert said["excluded"] == [
        {
            "target": "mini",
            "provider": "openai",
            "code": "quality_floor",
            "rule": "floor",
            "detail": "quality 0.75 is under rule floor's floor of 0.9",
        }
    ]
    assert said["transforms"] == ["all"]


def test_of_what_is_done_about_answers_each_key_is_from_the_first_rule_that_sets_it(decide: Decide) -> None:
    decision = decide(
        """
    rules:
      - {id: never, when: "client.team == 'x'", hold: {tools: false, schema: true}}
      - {id: tried, mode: shadow, fallback: {mid_stream: restart}, hold: {schema: true}, resume: {enabled: true}}
      - {id: first, hold: {tools: true}, resume: {enabled: false}}
      - {id: second, fallback: {mid_stream: continue}, hold: {tools: false, max_bytes: 2048}, resume: {max_bytes: 999}}
    default: {route: [gpt], fallback: {mid_stream: restart}, hold: {max_bytes: 4096}, resume: {instruction: Weiter}}
    """
    )
    assert decision.fallback.mid_stream == "continue"
    assert (decision.hold.tools, decision.hold.schema, decision.hold.max_bytes) == (True, False, 2048)
    resume = decision.resume
    assert (resume.enabled, resume.max_bytes, resume.instruction, resume.message) == (False, 999, "Weiter", None)


def test_the_first_matching_rule_says_what_answers_have_to_fit(ask: Ask) -> None:
    files = {
        "main.yaml": """
version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:"}}
targets: {one: {provider: here, model: m}}
rules:
  - {id: never, when: "client.team == 'x'", expect: {schema: a.schema.json}}
  - {id: tried, mode: shadow, expect: {schema: a.schema.json}}
  - {id: erring, when: "10 / size(request.tools) > 1", expect: {schema: a.schema.json}}
  - {id: first, when: request.stream, expect: {schema: b.schema.json}}
  - {id: second, when: request.stream, expect: {schema: a.schema.json}, fallback: {after: [overloaded]}}
default: {route: [one]}
""",
        "a.schema.json": '{"required": ["a"]}',
        "b.schema.json": '{"required": ["b"]}',
    }
    policy = build(files)
    decision = policy.decide(ask(stream=True), RoutingState(), 0.0)
    assert decision.expected is not None
    assert (decision.expected.rule, decision.expected.file) == ("first", "b.schema.json")
    assert decision.expected.schema == {"required": ["b"]}
    assert decision.fallback.after == {FailureKind.OVERLOADED, FailureKind.SCHEMA_INVALID}
    other = policy.decide(ask(), RoutingState(), 0.0)
    assert other.expected is None
    assert FailureKind.SCHEMA_INVALID not in other.fallback.after
