"""Tags count where the author writes, are taken out for everybody, and are never guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scrubbing import CLEARED, LOWER, asked, refused, said, system_of, told

from policyroute.clearance import Clearance
from policyroute.request.prompt import Function, Prompt, Text, Turn
from policyroute.scrub import Gate, Profile, Refusal, Scrubbed, Selector, scrubbed
from policyroute.scrub.profile import DEFAULT, tagged

TEXTS = {
    "a line of its own": (
        "You help.\n<confidential>\nThe floor is 40.\n</confidential>\nBe kind.",
        "You help.\nBe kind.",
        "You help.\nThe floor is 40.\nBe kind.",
    ),
    "in a line": (
        "Be kind, <confidential>never below 40</confidential>, and short.",
        "Be kind,, and short.",
        "Be kind, never below 40, and short.",
    ),
    "a word": ("Say <confidential>40</confidential> or so.", "Say or so.", "Say 40 or so."),
    "a paragraph": (
        "One.\n\n<confidential>Two.</confidential>\n\nThree.",
        "One.\n\nThree.",
        "One.\n\nTwo.\n\nThree.",
    ),
    "at the beginning": ("<confidential>Two.</confidential>\n\nThree.", "Three.", "Two.\n\nThree."),
    "at the end": ("One.\n\n<confidential>Two.</confidential>\n", "One.", "One.\n\nTwo."),
    "an item": (
        "- one\n  - <confidential>two</confidential>\n  - three",
        "- one\n  -\n  - three",
        "- one\n  - two\n  - three",
    ),
    "required inside": (
        "<required>\n- Be kind.\n  - Always.\n</required>\nBye <confidential>x y</confidential>",
        "- Be kind.\n  - Always.\nBye",
        "- Be kind.\n  - Always.\nBye x y",
    ),
    "with an attribute, in capitals": (
        'A <CONFIDENTIAL reason="price">40</CONFIDENTIAL> b',
        "A b",
        "A 40 b",
    ),
    "several": ("a <confidential>b</confidential><confidential>c</confidential> d", "a d", "a bc d"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_tagged_stays_behind_and_the_tags_always_do(name: str) -> None:
    text, lower, cleared = TEXTS[name]
    assert system_of(told(asked(text), LOWER).prompt) == lower
    assert system_of(told(asked(text), CLEARED).prompt) == cleared


UNTIDY = {
    "not closed": "Be kind. <confidential>40",
    "not opened": "Be kind. 40</confidential>",
    "crossed": "<confidential>a <required>b</confidential> c</required>",
    "closed by itself": "Be kind <confidential/> 40",
    "cut off": "Be kind <confidential",
    "escaped": "Be kind &lt;confidential&gt;40&lt;/confidential&gt;",
    "escaped twice": "Be kind &amp;lt;confidential&amp;gt;40",
    "escaped as JSON": "Be kind \\u003cconfidential\\u003e40",
    "spaces": "Be kind < confidential >40</ confidential >",
    "spaces, with an attribute": "Be kind < confidential why=price>40",
    "zero width": "Be kind <confid\u200bential>40</confid\u200bential>",
    "soft hyphen": "Be kind <\u00adconfidential>40</confidential\u00ad>",
    "Cyrillic": "Be kind <\u0441onfidential>40</\u0441onfidential>",
    "Cyrillic all through": "Be kind <\u0455\u0435\u0441\u0433\u0435\u0442>40",
    "a letter of no table": "Be kind <co\ua74afidential>40",
    "full width": "Be kind \uff1cconfidential\uff1e40",
    "bold letters": "Be kind <\U0001d41c\U0001d428\U0001d427\U0001d41f\U0001d422\U0001d41d\U0001d41e"
    "\U0001d427\U0001d42d\U0001d422\U0001d41a\U0001d425>40",
    "other brackets": "Be kind \u27e8confidential\u27e940",
    "with a mark": "Be kind <confide\u0301ntial>40",
    "made of others": "Be kind <confi<required></required>dential>40</confi<required></required>dential>",
    "one of two": "<confidential>40</confidential> and &lt;confidential&gt;41",
}


@pytest.mark.parametrize("name", UNTIDY)
@pytest.mark.parametrize("gate", [LOWER, CLEARED], ids=["lower", "cleared"])
def test_a_tag_that_cannot_be_read_is_refused(name: str, gate: Gate) -> None:
    refusal = refused(asked(UNTIDY[name]), gate)
    assert refusal.cause == "tags"
    assert refusal.place.startswith("turns[0].parts[0].text:")
    assert refusal.detail
    assert "40" not in str(refusal)


def test_the_message_says_where() -> None:
    assert refused(asked("<required>Be</required> kind <confidential"), LOWER).place.endswith(":29")


@pytest.mark.parametrize(
    "text",
    [
        "if a < internal_rate and b > 3: <public_key> &lt;div&gt; confidential",
        "Die <Vertraulich> \u2039Anf\u00fchrung\u203a <\u043f\u0440\u0438\u0432\u0435\u0442>",
        "<internal-notes>x</internal-notes> <requirements>y</requirements>",
        "Reorder where stock < required, or where stock <\nrequired. SELECT a FROM t WHERE level < confidential",
    ],
)
def test_other_markup_is_left_alone(text: str) -> None:
    prompt = asked(text)
    assert told(prompt).prompt is prompt


def test_tags_in_what_others_say_are_their_words() -> None:
    text = "<confidential>hello</confidential> </required> &lt;secret&gt;"
    prompt = asked("Be kind.", text, Turn("assistant", (Text(text),)), Turn("user", (Text(text),)))
    assert told(prompt).prompt is prompt
    tagged_too = asked("Be <confidential>very</confidential> kind.", text)
    assert said(told(tagged_too).prompt.turns[1].parts[0]) == text


def test_tags_count_in_descriptions_of_tools() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": "Id <secret>of SAP</secret>"}}}
    tool = Function("find", "Finds. <confidential>Asks db7.corp.example.</confidential>", schema)
    prompt = Prompt("anthropic", asked("Be kind.").turns, (tool,))
    crossed = told(prompt).prompt.tools[0]
    assert isinstance(crossed, Function)
    assert crossed.description == "Finds."
    assert crossed.parameters == {"type": "object", "properties": {"a": {"type": "string", "description": "Id"}}}
    at_home = told(prompt, CLEARED).prompt.tools[0]
    assert isinstance(at_home, Function)
    assert at_home.description == "Finds. Asks db7.corp.example."


def test_a_tag_in_a_value_that_is_fixed_is_refused() -> None:
    for keyword, cause in (("default", ""), ("enum", "stuck")):
        schema = {
            "properties": {"a": {keyword: ["<secret>db7</secret>"] if keyword == "enum" else "<secret>x</secret>"}}
        }
        prompt = Prompt("anthropic", asked("Be kind.").turns, (Function("find", "Finds.", schema),))
        outcome = scrubbed(prompt, [DEFAULT], LOWER)
        assert (outcome.cause if isinstance(outcome, Refusal) else "") == cause


def test_names_of_tags_are_the_authors() -> None:
    profile = Profile("own", tagged({"nda": "confidential"}))
    prompt = asked("Be <nda>very</nda> <confidential>kind</confidential>.")
    assert system_of(told(prompt, LOWER, profile).prompt) == "Be <confidential>kind</confidential>."


def test_a_label_and_what_is_required_are_apart() -> None:
    both = "Be <confidential>very <required>kind</required></confidential>. Yes."
    refusal = refused(asked(both), Gate(Clearance.INTERNAL, crossing=False))
    assert refusal.cause == "required"
    assert system_of(told(asked(both), Gate(Clearance.CONFIDENTIAL, crossing=True)).prompt) == "Be kind. Yes."


words = st.lists(st.sampled_from(["a", "b ", "\n", "\n\n", "  ", "c.", ", d", "- e"]), min_size=1, max_size=6)
parts = st.lists(st.tuples(st.sampled_from(["", "confidential", "required", "secret"]), words), min_size=1, max_size=8)


@given(parts)
def test_whatever_is_tagged_only_untagged_letters_and_required_ones_cross(some: list[tuple[str, list[str]]]) -> None:
    text = "".join(f"<{tag}>{''.join(each)}</{tag}>" if tag else "".join(each) for tag, each in some)
    kept = "".join("".join(each) for tag, each in some if tag in ("", "required"))
    outcome = scrubbed(asked(text), [DEFAULT], LOWER)
    if isinstance(outcome, Refusal):
        assert outcome.cause == "gutted"
        return
    assert "".join(system_of(outcome.prompt).split()) == "".join(kept.split())
    again = scrubbed(outcome.prompt, [DEFAULT], LOWER)
    assert isinstance(again, Scrubbed)
    assert again.prompt is outcome.prompt


def test_the_first_selector_of_a_profile_wins_and_the_strictest_profile() -> None:
    first = Selector("first", Clearance.PUBLIC, role=frozenset({"system"}))
    second = Selector("second", Clearance.SECRET, kind=frozenset({"text"}), role=frozenset({"system"}))
    prompt = asked("Be kind.")
    assert told(prompt, LOWER, Profile("one", (first, second))).prompt is prompt
    assert refused(prompt, LOWER, Profile("one", (first,)), Profile("two", (second,))).cause == "gutted"
    needed = Selector("needed", required=True, role=frozenset({"system"}))
    assert refused(prompt, LOWER, Profile("one", (needed,)), Profile("two", (second,))).cause == "required"
