"""Whatever is written, the compiler answers with problems; what it accepts, it accepts in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyroute.policy.model import Program
from policyroute.policy.schema import json_schema
from policyroute.problems import Problem, errors

Compiled = tuple[Program | None, tuple[Problem, ...]]

_KEYS = sorted(
    {key for each in (json_schema(), *json_schema()["$defs"].values()) for key in each.get("properties", ())}
    | {"openai_chat", "gpt", "openai", "x", "cel"}
)
_WORDS = [
    "gpt", "eu", "openai", "requested", "cost", "timeout", "shadow", "openai_chat", "embedded:", "AGENT", "3s", "0s",
    "request.stream", "request.modle == 1", "target.region == 'eu'", "variables.x", "!a", "a: b", "{", "no", "profiles",
]  # fmt: skip
_LEAF = st.sampled_from(_WORDS) | st.none() | st.booleans() | st.integers(-2, 500) | st.floats()
_ANY = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=15,
)
_FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_FEW
@given(
    sections=st.dictionaries(
        st.sampled_from(sorted(json_schema()["properties"])),
        _ANY | st.lists(st.dictionaries(st.sampled_from(_KEYS), _ANY, max_size=5), max_size=3),
        max_size=6,
    ),
    flow=st.booleans(),
)
def test_any_document_is_compiled_or_complained_of(
    sections: dict[str, Any], flow: bool, compile_text: Callable[[str], Compiled]
) -> None:
    program, problems = compile_text(yaml.safe_dump({"version": 1, **sections}, default_flow_style=flow, width=10_000))
    assert (program is None) == bool(errors(problems))
    for problem in problems:
        assert problem.span is not None
        assert problem.excerpt is not None
        assert problem.message


@_FEW
@given(text=st.text(max_size=120))
def test_any_text_is_compiled_or_complained_of(
    text: str, compile_files: Callable[[Mapping[str, str]], Compiled]
) -> None:
    program, problems = compile_files({"a.yaml": text})
    assert program is None
    assert errors(problems)


@settings(max_examples=30, deadline=None)
@given(rules=st.permutations(range(8)), split=st.integers(0, 8))
def test_what_is_wrong_does_not_depend_on_the_order(
    rules: list[int],
    split: int,
    compile_files: Callable[[Mapping[str, str]], Compiled],
    based: Callable[[str], Mapping[str, str]],
) -> None:
    """The same rules in any order and any two files have the same problems, each with its own line's text."""
    written = [
        "{id: a, route: [gtp]}",
        "{id: b, when: request.modle == 'x', deny: {}}",
        "{id: c, limits: {ttft: 5}}",
        "{id: d, route: [gpt], mod: off}",
        "{id: e, deny: {status: 1}}",
        "{id: f}",
        "{id: g, require: 'target.quality > 0.5'}",
        "{id: h, route: [gpt]}",
    ]
    lines = [f"  - {written[index]}\n" for index in rules]
    files = {
        **based("rules:\n" + "".join(lines[:split])),
        "zz.yaml": "version: 1\nrules:\n" + "".join(lines[split:]),
    }
    _, problems = compile_files(files)
    found = {(problem.code, problem.message, (problem.excerpt or "").strip()) for problem in problems}
    assert found == {
        ("unknown-target", "no target is called `gtp`", f"- {written[0]}"),
        ("cel-unknown-name", "unknown field `modle` of request", f"- {written[1]}"),
        ("bad-duration", "not a duration", f"- {written[2]}"),
        ("unknown-key", "`mod` is not a key here", f"- {written[3]}"),
        ("wrong-value", "must be greater than or equal to 400", f"- {written[4]}"),
        ("rule-without-effect", "the rule `f` does nothing", f"- {written[5]}"),
        ("cel-unguarded", "`target.quality` may be absent, and this rule would then err", f"- {written[6]}"),
    }
