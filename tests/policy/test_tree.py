"""YAML with positions: 1.2's rules, and every character of every kind of scalar at its place."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policyroute.policy.report import Report
from policyroute.policy.text import SourceText
from policyroute.policy.tree import File, parse


def parsed(text: str) -> tuple[File | None, Report]:
    report = Report()
    source = SourceText("a.yaml", text)
    report.sources["a.yaml"] = source
    return parse(source, report), report


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("2026-01-01", "2026-01-01"),
        ("True", True),
        ("=", "="),
        ("<<", "<<"),
        ("9" * 50, float("9" * 50)),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    file, report = parsed(f"a: {text}\n")
    assert file is not None
    assert report.problems == []
    assert file.data(("a",)) == value
    assert type(file.data(("a",))) is type(value)


def test_an_alias_is_what_its_anchor_is() -> None:
    file, _ = parsed("a: &x [1, {b: 2}]\nc: *x\n")
    assert file is not None
    assert file.data(("c",)) == [1, {"b": 2}]
    assert file.span(("c", 1, "b")).line == 1


_EXPRESSION = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\x7f\ufeff\ufffe\uffff\x85"
    ),
    min_size=1,
    max_size=60,
)
_STYLES = st.sampled_from(["|", ">", "'", '"', None])


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(_EXPRESSION, min_size=1, max_size=4), style=_STYLES, width=st.sampled_from([10, 40, 1000]))
def test_every_character_is_placed_where_it_is_written(lines: list[str], style: str | None, width: int) -> None:
    """Whatever the style and the folding: the character at the place is the character of the value."""
    value = "\n".join(lines)
    text = "# first\nrules:\n" + yaml.safe_dump({"when": value}, default_style=style, width=width, allow_unicode=True)
    text = text.replace('"when":', "when:").replace("'when':", "when:")
    file, report = parsed(text)
    if file is None:
        assert report.problems  # a dump that YAML itself cannot read back
        return
    source = file.expression(("when",))
    rows = text.split("\n")
    previous = (0, 0)
    for offset, character in enumerate(source.text):
        line, column = source.place(offset)
        assert (line, column) >= previous
        previous = (line, column)
        there = rows[line - 1][column - 1 : column]
        if character.isspace() or there == "\\":
            continue
        assert there == character, (offset, character, there)
    assert source.place(len(source.text)) >= previous


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text(st.sampled_from("[]{}:,-?&*!|>'\"%@`#ab \n\t\\"), max_size=80))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    file, report = parsed(text)
    assert file is not None or report.problems
    for problem in report.finished():
        assert problem.span is not None
        assert problem.excerpt is not None


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 100_000, "- " * 100_000, "a: &a [" + "*a," * 100_000])
def test_hostile_texts_are_refused_at_once(text: str) -> None:
    file, report = parsed(text)
    assert file is None
    assert len(report.problems) == 1


_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
)
_SINGLE = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
)


@settings(max_examples=100, deadline=None)
@given(st.recursive(_SINGLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3)))
def test_json_is_read_as_what_it_is(value: object) -> None:
    """JSON is YAML 1.2."""
    file, report = parsed(json.dumps({"a": value}, ensure_ascii=False))
    assert file is not None, report.problems
    assert file.data(("a",)) == value
