"""Answers that begin with a refusal in plain text: another candidate's in their place, and nobody sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.machine import FALLBACK, LIMITS, Make, anybody, said

from policyroute import build
from policyroute.decide.decision import Candidate
from policyroute.decide.resolved import ResolvedFallback
from policyroute.events import (
    Finished,
    FinishReason,
    OtherContent,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from policyroute.exchange.answering import Asks
from policyroute.exchange.commands import Failed, Received, Tick
from policyroute.exchange.held import HELD_EVENTS
from policyroute.exchange.machine import Exchange
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind
from policyroute.policy.openings import LEAD, PATTERN_SEES, Refusals

REFUSED = replace(FALLBACK, after=DEFAULT_AFTER | {FailureKind.REFUSED})
STOP = Finished(FinishReason.STOP)
POLICY = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:"}}
targets: {ok: {provider: demo, model: ok}}
refusals: {phrases: ["I can't help with", "I'm sorry, but", {re: 'as an ai (language )?model\\b'}, {re: 'no[.]?$'}]}
default: {route: [ok], fallback: {after: {add: [refused]}}}
"""


def refusals() -> Refusals:
    found = build({"main.yaml": POLICY}).program.refusals
    assert found is not None
    return found


PLAIN = Refusals(("i can't help with",))


class Play:
    def __init__(self, *candidates: Candidate, fallback: ResolvedFallback = REFUSED, phrases: Refusals = PLAIN):
        self.now = 0.0
        self.exchange = Exchange(
            candidates,
            fallback,
            LIMITS,
            stream=True,
            eligible=anybody,
            asks=Asks(refusals=phrases),
        )
        said(self.exchange.start(self.now))

    def says(self, *events: StreamEvent, raw: str = "", number: int = 1, end: bool = False) -> list[str]:
        return said(self.exchange.step(Received(number, events, raw.encode(), end, status=200), self.now))

    def says_text(self, *texts: str) -> list[str]:
        return [word for text in texts for word in self.says(TextDelta(text), raw=text)]


def test_a_refusal_in_pieces_is_swapped_before_any_of_it_is_shown(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.says(Started("i", "m"), raw="start") == []
    assert play.says_text("\n**I ", "CAN\u2019T he") == []
    assert play.says_text("lp with that") == ["cancel", "open b"]
    assert play.says(TextDelta("Sure"), raw="Sure", number=2) == ["emit Sure"]
    assert [each.outcome for each in play.exchange.record.attempts] == ["refused", "open"]


def test_a_beginning_that_turns_out_otherwise_is_shown_whole(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.says_text("I can", "'t help") == []
    assert play.says_text(" but smile") == ["emit I can't help but smile"]
    assert play.says_text("!") == ["emit !"]


def test_an_answer_that_begins_otherwise_is_not_held(candidate: Make) -> None:
    assert Play(candidate("a")).says_text("Sure") == ["emit Sure"]


def test_the_first_event_is_the_first_text_though_it_is_held(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says_text("I ")
    play.now = 5.0
    assert play.says_text("see") == ["emit I see"]
    record = play.exchange.record
    assert (record.attempts[0].first_event, record.committed) == (0.0, 5.0)


def test_a_held_beginning_is_no_wait_for_the_first_token(candidate: Make) -> None:
    play = Play(candidate("a"))
    play.says_text("I ")
    play.now = 19.0
    play.says_text("can")
    play.now = 21.0
    assert said(play.exchange.step(Tick(), play.now)) == []
    play.now = 49.0
    assert said(play.exchange.step(Tick(), play.now)) == ["cancel", "done timeout_idle"]


def test_nothing_is_held_where_refused_is_not_in_after(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), fallback=FALLBACK)
    assert play.says_text("I can't help with that") == ["emit I can't help with that"]


@pytest.mark.parametrize(
    "event",
    [
        ToolCallDelta(0, "c", "f", ""),
        OtherContent("audio"),
        RefusalDelta("no"),
        TextDelta("I", choice=1),
    ],
)
def test_whatever_else_shows_ends_the_hold(candidate: Make, event: StreamEvent) -> None:
    play = Play(candidate("a"))
    assert play.says_text("I can't help") == []
    assert play.says(event, raw="|") == ["emit I can't help|"]


def test_thoughts_before_a_refusal_are_held_with_it(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.says(ReasoningDelta("hm"), raw="hm") == []
    assert play.says_text("I can't help with that") == ["cancel", "open b"]


def test_thoughts_without_end_are_shown(candidate: Make) -> None:
    play = Play(candidate("a"))
    said = [play.says(ReasoningDelta("x"), raw="x") for _ in range(HELD_EVENTS + 1)]
    assert said == [[]] * HELD_EVENTS + [["emit " + "x" * (HELD_EVENTS + 1)]]


def test_a_whole_answer_is_looked_at_too(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"))
    assert play.says(TextDelta("I can't help with that."), STOP, raw="{}", end=True) == ["open b"]
    assert play.says(TextDelta("I can"), STOP, raw="{2}", end=True, number=2) == ["emit {2}", "done ok"]


def test_where_all_refuse_the_client_is_told_so(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.says_text("I can't help with that") == ["cancel", "done refused"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I can't help with that", True),
        ("i\u2019m SORRY, but", True),
        ("> \"I'm sorry, but", True),
        ("As an AI language model, ", True),
        ("As an AI models", False),
        ("no", True),
        ("no.", True),
        ("nothing", False),
        ("Well, I can't help with that", False),
        ("", False),
        ("*" * LEAD + "I'm sorry, but", True),
        ("*" * (LEAD + 1) + "I'm sorry, but", False),
    ],
)
def test_a_whole_text(text: str, told: bool) -> None:
    assert refusals().tell(text, whole=True) is told


PROVIDERS_WORD = [Finished(FinishReason.REFUSAL)], [Finished(FinishReason.CONTENT_FILTER)], [RefusalDelta("no"), STOP]


@pytest.mark.parametrize(
    ("events", "refused"),
    [
        ([TextDelta("I can"), TextDelta("'t he"), TextDelta("lp with it"), STOP], True),
        ([TextDelta("I can't help"), STOP], False),
        ([ReasoningDelta("I can't help with that"), TextDelta("Sure"), STOP], False),
        ([ToolCallDelta(0, "c", "f", "{}"), Finished(FinishReason.TOOL_CALLS)], False),
        ([RefusalDelta(""), TextDelta("Sure"), STOP], False),
        *((events, True) for events in PROVIDERS_WORD),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_refusal_is_on_record_though_nobody_goes_around_it(
    candidate: Make, events: list[StreamEvent], refused: bool, whole: bool
) -> None:
    play = Play(candidate("a"), fallback=FALLBACK)
    if whole:
        play.says(*events, end=True)
    else:
        for event in events:
            play.says(event)
        play.says(end=True)
    record = play.exchange.record
    assert (record.outcome, record.refused, record.as_json()["attempts"][0]["refused"]) == ("ok", refused, refused)


@pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.CONTENT_FILTERED, FailureKind.OVERLOADED])
def test_an_error_may_be_a_refusal(candidate: Make, kind: FailureKind) -> None:
    play = Play(candidate("a"))
    play.exchange.step(Failed(1, Failure(kind, "no")), play.now)
    assert play.exchange.record.refused is (kind is not FailureKind.OVERLOADED)


BEGINNINGS = st.sampled_from(
    ["I can't help with", "I'm sorry, but", "As an AI model", "no", "no.", "nothing", "\u00df"]
)
TEXTS = st.tuples(st.text("*\n \u201c", max_size=LEAD + 4), BEGINNINGS | st.text(max_size=9), st.text(max_size=400))


@given(TEXTS.map("".join), st.integers(0, 300))
def test_what_is_told_of_a_beginning_is_what_is_told_of_the_whole(text: str, at: int) -> None:
    told = refusals().tell(text[:at], whole=False)
    assert told is None or told is refusals().tell(text, whole=True)


@given(st.text(min_size=LEAD + PATTERN_SEES + 1))
def test_no_beginning_of_that_length_is_undecided(text: str) -> None:
    assert refusals().tell(text, whole=False) is not None
