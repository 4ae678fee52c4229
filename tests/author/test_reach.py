"""Rules that can never take effect: found by what they demand, the same ones as by looking at every pair."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute import build
from policyroute.cel.compile import Compiler
from policyroute.cel.region import ALWAYS

BASE = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:"}}
targets: {ok: {provider: demo, model: ok}}
default: {route: [ok]}
"""
_PARTS = st.sampled_from(
    [
        'client.team == "a"',
        'client.team == "b"',
        'client.team in ["a", "b"]',
        'client.team != "c"',
        'client.tier.startsWith("pr")',
        'client.tier == "pro"',
        "request.size > 10",
        "request.size > 20",
        "request.size <= 10",
        "request.stream",
        "!request.stream",
        'request.tools.exists(t, t.name == "x")',
        'client.id + "x" == client.team',
    ]
)
_COMPILER = Compiler()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sets(_PARTS, max_size=3), st.booleans()), min_size=2, max_size=7))
def test_what_is_overtaken_is_found_whatever_it_is_filed_under(rules: list[tuple[set[str], bool]]) -> None:
    lines: list[str] = []
    for number, (parts, deny) in enumerate(rules):
        when = " && ".join(sorted(parts)) or "true"
        lines.append(f"  - {{id: r{number}, when: '{when}', {'deny: {}' if deny else 'route: [ok]'}}}\n")
    program = build({"a.yaml": BASE + "rules:\n" + "".join(lines)}, _COMPILER).program
    overtaken = {
        problem.span.line - len(BASE.splitlines()) - 2
        for problem in program.warnings
        if problem.span and problem.code in ("rule-shadowed", "rule-denied-before")
    }
    read = [rule.when.condition if rule.when else ALWAYS for rule in program.rules]
    alive = [number for number, each in enumerate(read) if not each.never]
    expected = {
        later
        for later in alive
        for earlier in alive
        if earlier < later and (rules[earlier][1] or not rules[later][1]) and read[later].implies(read[earlier])
    }
    assert overtaken == expected
