"""Routes whose prompts are scrubbed: who is certain to be passed by is told beforehand, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from policyroute import build
from policyroute.author.fallbacks import untold
from policyroute.author.reach import StaticFacts
from policyroute.clearance import Clearance
from policyroute.decide.endpoints import Endpoints
from policyroute.policy.model import Program, Target
from policyroute.problems import Problem
from policyroute.scrub.profile import Profile, Selector

BASE = """
version: 1
providers:
  open: {dialect: openai_chat, base_url: "embedded:", clearance: public}
  us: {dialect: openai_chat, base_url: "embedded:", region: us}
  eu: {dialect: openai_chat, base_url: "embedded:", region: eu, clearance: confidential}
targets:
  cheap: {provider: open, model: ok}
  plain: {provider: us, model: ok}
  safe: {provider: eu, model: ok}
  both: {providers: [us, eu], model: ok}
"""
CONFIDENTIAL = Profile("mine", (Selector("prices", Clearance.CONFIDENTIAL, required=True),))
SECRET = Profile("mine", (Selector("codes", Clearance.SECRET, required=True), *CONFIDENTIAL.selectors))
OPTIONAL = Profile("mine", (Selector("prices", Clearance.CONFIDENTIAL), Selector("rules", required=True)))
SYSTEM = replace(Profile("mine"), selectors=(replace(CONFIDENTIAL.selectors[0], role=frozenset({"system"})),))
DEFAULTS = Profile("mine", defaults={"file": Clearance.CONFIDENTIAL})


def warnings(text: str, profile: Profile | None = None) -> list[Problem]:
    """Those of the policy, its rules scrubbing by this profile."""
    program = build({"a.yaml": BASE + text}).program
    if profile is not None:
        rules = [
            replace(rule, scrub=replace(rule.scrub, profile=profile)) if rule.scrub else rule for rule in program.rules
        ]
        program = replace(program, rules=tuple(rules))
    return list(untold(program, facts_of(program)))


def facts_of(program: Program) -> StaticFacts:
    endpoints = Endpoints(program.targets)

    def facts(target: Target) -> tuple[SimpleNamespace, ...]:
        return tuple(SimpleNamespace(**each.known) for each in endpoints.by_target[target.name])

    return facts


def codes(text: str, profile: Profile | None = None) -> list[str]:
    return [problem.code for problem in warnings(text, profile)]


ALL = "rules: [{id: labels, scrub: {}}]\n"


@pytest.mark.parametrize(
    ("route", "profile", "told"),
    [
        ("[safe, plain]", CONFIDENTIAL, "nobody after `safe` at eu"),
        ("[plain, safe]", CONFIDENTIAL, ""),
        ("[safe, both]", CONFIDENTIAL, ""),
        ("[both]", CONFIDENTIAL, ""),
        ("[safe]", CONFIDENTIAL, ""),
        ("[plain]", CONFIDENTIAL, "nobody that this route names"),
        ("[safe, requested, plain]", CONFIDENTIAL, ""),
        ("[requested]", CONFIDENTIAL, ""),
        ("[requested, plain]", CONFIDENTIAL, "nobody that this route names"),
        ("[requested, safe]", CONFIDENTIAL, ""),
        ("{targets: [safe, plain], weights: {safe: 1, plain: 1}}", CONFIDENTIAL, ""),
        ("{targets: [plain], rank: latency}", CONFIDENTIAL, "nobody that this route names"),
        ("[safe]", SECRET, "nobody that this route names"),
        ("[safe, plain]", OPTIONAL, ""),
        ("[safe, plain]", None, ""),
        ("[safe, plain]", SYSTEM, "nobody after `safe` at eu"),
        ("[safe, plain]", replace(SYSTEM, system_fallback="Be kind."), ""),
        ("[safe, plain]", replace(CONFIDENTIAL, system_fallback="Be kind."), "nobody after `safe` at eu"),
        ("[safe, plain]", DEFAULTS, "nobody after `safe` at eu"),
    ],
)
def test_whom_a_route_falls_back_to(route: str, profile: Profile | None, told: str) -> None:
    found = warnings(ALL + f"default: {{route: {route}}}\n", profile)
    assert [problem.code for problem in found] == (["no-usable-fallback"] if told else [])
    assert all(told in problem.message and "rule `labels`" in problem.message for problem in found)


def test_the_most_secret_counts_and_is_named() -> None:
    (problem,) = warnings(ALL + "default: {route: [safe, plain]}\n", SECRET)
    assert "`codes` labels it `secret`" in problem.message
    assert problem.hint is not None
    assert "no provider" in problem.hint


@pytest.mark.parametrize(
    ("scrub", "expected"),
    [
        ("{id: a, scrub: {}}", ["no-usable-fallback"]),
        ("{id: a, mode: shadow, scrub: {}}", []),
        ('{id: a, scrub: {where: target.region == "eu"}}', []),
        ('{id: a, scrub: {where: target.region == "us"}}', ["no-usable-fallback"]),
        ("{id: a, scrub: {where: target.in_flight > 3}}", []),
        ("{id: a, scrub: {where: 1 / size(target.failure_domains) > 1}}", ["no-usable-fallback"]),
        ('{id: a, when: client.team == "x", scrub: {}}', ["no-usable-fallback"]),
        ('{id: a, when: client.team == "y", scrub: {}}', []),
    ],
)
def test_which_rules_a_route_meets(scrub: str, expected: list[str]) -> None:
    route = '{id: b, when: client.team == "x", route: [safe, plain]}'
    assert codes(f"rules: [{scrub}, {route}]\ndefault: {{route: [safe]}}\n", CONFIDENTIAL) == expected


def test_a_provider_that_may_only_be_told_what_is_public() -> None:
    route = "default: {route: [plain, cheap]}\n"
    (problem,) = warnings(ALL + route)
    assert (problem.code, problem.span and problem.span.line) == ("public-provider", 13)
    assert "`cheap` at open" in problem.message
    assert codes(route) == []
    assert codes('rules: [{id: labels, scrub: {where: target.provider != "open"}}]\n' + route) == []
    assert codes(ALL + route, Profile("mine", defaults={"user": Clearance.PUBLIC})) == []
    assert codes(ALL + route, Profile("mine", (Selector("all", Clearance.PUBLIC),))) == []
    assert codes(ALL + route, Profile("mine", (Selector("tag:public", Clearance.PUBLIC, tag="public"),))) == [
        "public-provider"
    ]


def test_they_are_among_the_warnings_of_a_set() -> None:
    program = build({"a.yaml": BASE + ALL + "default: {route: [plain, cheap]}\n"}).program
    assert "public-provider" in {problem.code for problem in program.warnings}
