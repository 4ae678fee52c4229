"""The two gates: what goes to whom, and that it depends on nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scrubbing import asked, refused, system_of, told

from policyroute.clearance import Clearance
from policyroute.request.prompt import Prompt, Text, Turn
from policyroute.scrub import DEFAULT, Gate, Profile, Refusal, Scrubbed, scrubbed

PUBLIC, INTERNAL, CONFIDENTIAL, SECRET = Clearance
TEXT = "Kind. <public>p</public> <internal>i</internal> <confidential>c</confidential> <secret>s</secret>"


@pytest.mark.parametrize(
    ("gate", "left"),
    [
        (Gate(CONFIDENTIAL, crossing=False), "Kind. p i c"),
        (Gate(CONFIDENTIAL, crossing=True), "Kind. p i"),
        (Gate(CONFIDENTIAL, crossing=True, max_label=CONFIDENTIAL), "Kind. p i c"),
        (Gate(CONFIDENTIAL, crossing=True, max_label=PUBLIC), "Kind. p"),
        (Gate(INTERNAL, crossing=False), "Kind. p i"),
        (Gate(INTERNAL, crossing=True, max_label=SECRET), "Kind. p i"),
        (Gate(SECRET, crossing=False), "Kind. p i c s"),
    ],
)
def test_a_text_goes_if_both_gates_let_it(gate: Gate, left: str) -> None:
    assert system_of(told(asked(TEXT), gate).prompt) == left


def test_unlabelled_text_is_internal_and_required() -> None:
    refusal = refused(asked("Be kind."), Gate(PUBLIC, crossing=False))
    assert refusal.cause == "required"
    public = Profile("p", defaults={"system": PUBLIC, "user": PUBLIC})
    assert told(asked("Be kind."), Gate(PUBLIC, crossing=True), public)


def test_what_a_default_labels_stays_required() -> None:
    profile = Profile("p", defaults={"text": CONFIDENTIAL})
    assert refused(asked("Be kind."), Gate(INTERNAL, crossing=True), profile).cause == "required"
    prompt = asked("Be kind.")
    assert told(prompt, Gate(CONFIDENTIAL, crossing=True), profile).prompt is prompt


def test_what_is_required_crosses_as_far_as_the_receiver_is_cleared() -> None:
    text = "Kind. <required><confidential>c</confidential></required>"
    assert system_of(told(asked(text), Gate(CONFIDENTIAL, crossing=True)).prompt) == "Kind. c"
    assert refused(asked(text), Gate(INTERNAL, crossing=True)) == Refusal(
        "required", "tag:confidential", "turns[0].parts[0].text"
    )


Stretches = list[tuple[str, str, str]]
labels = st.sampled_from(["", "public", "internal", "confidential", "secret", "required"])
stretches = st.lists(st.tuples(labels, labels, st.sampled_from(["a1", "b2 ", "c3\n", " d4"])), max_size=8)
gates = st.builds(Gate, st.sampled_from(Clearance), st.booleans(), st.sampled_from(Clearance))


def prompt_of(some: Stretches) -> Prompt:
    tagged = (_tagged(_tagged(f"{at}{word}", inner), outer) for at, (outer, inner, word) in enumerate(some))
    text = "Be kind." + "".join(tagged)
    return asked(text, "Hello", Turn("assistant", (Text("Yes."),)), Turn("user", (Text("So?"),)))


def _tagged(text: str, tag: str) -> str:
    return f"<{tag}>{text}</{tag}>" if tag else text


def kept(outcome: Scrubbed | Refusal) -> str | None:
    return "".join(system_of(outcome.prompt).split()) if isinstance(outcome, Scrubbed) else None


def subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(letter in rest for letter in short)


@settings(max_examples=50)
@given(stretches, gates)
def test_the_same_prompt_gives_the_same_and_again_nothing_more(some: Stretches, gate: Gate) -> None:
    first, second = scrubbed(prompt_of(some), [DEFAULT], gate), scrubbed(prompt_of(some), [DEFAULT], gate)
    assert first == second
    if isinstance(first, Scrubbed):
        again = scrubbed(first.prompt, [DEFAULT], gate)
        assert isinstance(again, Scrubbed)
        assert again.prompt is first.prompt


@settings(max_examples=50)
@given(stretches, st.booleans(), st.sampled_from(Clearance))
def test_who_is_cleared_for_more_gets_no_less(some: Stretches, crossing: bool, most: Clearance) -> None:
    told = [kept(scrubbed(prompt_of(some), [DEFAULT], Gate(each, crossing, most))) for each in Clearance]
    for lower, higher in pairwise(told):
        assert lower is None or (higher is not None and subsequence(lower, higher))


@settings(max_examples=50)
@given(stretches, gates, gates)
def test_what_one_got_makes_no_difference_to_the_next(some: Stretches, one: Gate, two: Gate) -> None:
    """From the original always: A, B, C is A, C."""
    prompt = prompt_of(some)
    direct = scrubbed(prompt, [DEFAULT], two)
    scrubbed(prompt, [DEFAULT], one)
    assert scrubbed(prompt, [DEFAULT], two) == direct


@settings(max_examples=50)
@given(stretches, gates)
def test_a_longer_conversation_begins_with_the_same(some: Stretches, gate: Gate) -> None:
    """So that providers find in their caches what they were told before."""
    prompt = prompt_of(some)
    longer = Prompt(prompt.dialect, (*prompt.turns, Turn("assistant", (Text("So."),)), Turn("user", (Text("And?"),))))
    one, two = scrubbed(prompt, [DEFAULT], gate), scrubbed(longer, [DEFAULT], gate)
    if isinstance(one, Scrubbed):
        assert isinstance(two, Scrubbed)
        assert two.prompt.turns[: len(one.prompt.turns)] == one.prompt.turns


@settings(max_examples=50)
@given(stretches, gates)
def test_sizes_are_those_of_what_is_told(some: Stretches, gate: Gate) -> None:
    prompt = prompt_of(some)
    outcome = scrubbed(prompt, [DEFAULT], gate)
    if isinstance(outcome, Scrubbed):
        assert outcome.before.by_role["system"] == len(system_of(prompt))
        assert outcome.after.by_role["system"] == len(system_of(outcome.prompt))
        for sizes in (outcome.before, outcome.after):
            assert sum(sizes.by_label.values()) == sizes.total
        assert all(gate.lets(Clearance.named(label), required=True) for label in outcome.after.by_label)
