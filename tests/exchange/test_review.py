"""An answer that somebody looks at before the client has all of it: passed byte for byte, or never complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.machine import FALLBACK, LIMITS, Make, anybody, said

from policyroute.decide.answers import Answer
from policyroute.decide.decision import Candidate, Denial
from policyroute.decide.judging import Verdict
from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.exchange.answering import Asks, Review
from policyroute.exchange.commands import Failed, Received
from policyroute.exchange.heard import LONGEST_TEXT
from policyroute.exchange.held import HELD_EVENTS
from policyroute.exchange.machine import Exchange
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind
from policyroute.policy.openings import Refusals

STOP = Finished(FinishReason.STOP)
NO = Verdict(fired=("no",), denied=Denial(403, "no", "No", "no"))
YES = Verdict(fired=("yes",), headers=("yes",), set_headers={"x-a": "b"})


class Play:
    """One exchange whose answer is judged; `seen` is what the judge was shown."""

    def __init__(self, *candidates: Candidate, verdict: Verdict = NO, words: bool = True, **more: Any) -> None:
        self.seen: list[tuple[str, Answer]] = []

        def judge(candidate: Candidate, answer: Answer) -> Verdict:
            self.seen.append((candidate.target, answer))
            return verdict

        after = more.pop("after", DEFAULT_AFTER)
        fallback = replace(FALLBACK, after=after)
        asks = Asks(refusals=more.pop("refusals", Refusals(("i can't",))), review=Review(judge, words))
        more = {"stream": True, **more}
        self.exchange = Exchange(candidates, fallback, LIMITS, eligible=anybody, asks=asks, **more)
        self.exchange.start(0.0)

    def says(self, *events: StreamEvent, raw: str = "", number: int = 1, end: bool = False) -> list[str]:
        return self.does(Received(number, events, raw.encode(), end, status=200))

    def does(self, given: Received | Failed) -> list[str]:
        if isinstance(given, Received) and self.exchange.goes_on(given, 0.0):
            return [f"emit {given.raw.decode()}"]
        return said(self.exchange.step(given, 0.0))


def test_a_whole_answer_is_looked_at_before_any_of_it_is_given(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), stream=False)
    assert play.says(TextDelta("Hi"), STOP, raw="{}", end=True) == ["done denied no"]
    record = play.exchange.record
    assert (record.committed, record.fired, [each.outcome for each in record.attempts]) == (None, ("no",), ["ok"])


def test_one_that_may_pass_is_given_as_it_is(candidate: Make) -> None:
    play = Play(candidate("a"), stream=False, verdict=YES)
    assert play.says(TextDelta("Hi"), STOP, raw="{}", end=True) == ["emit {}", "done ok"]
    assert (play.exchange.verdict, play.exchange.record.too_late) == (YES, ())


@pytest.mark.parametrize(("verdict", "last"), [(NO, ["done denied no"]), (YES, ["emit c[stop][usage].", "done ok"])])
def test_a_stream_goes_on_as_it_comes_but_for_its_end(candidate: Make, verdict: Verdict, last: list[str]) -> None:
    play = Play(candidate("a"), verdict=verdict)
    assert play.says(Started("i", "m"), TextDelta("a"), raw="a") == ["emit a"]
    assert play.says(TextDelta("b"), raw="b") == ["emit b"]
    assert play.says(raw=":ping") == ["emit :ping"]
    assert play.says(TextDelta("c"), STOP, raw="c[stop]") == []
    assert play.says(Usage(3, 4), raw="[usage]") == []
    assert play.says(raw=".", end=True) == last
    [(target, answer)] = play.seen
    assert (target, answer) == ("a", Answer(FinishReason.STOP, False, "abc", (), Usage(3, 4)))


def test_headers_come_too_late_for_a_stream_and_the_record_says_so(candidate: Make) -> None:
    play = Play(candidate("a"), verdict=YES)
    assert play.says(TextDelta("a"), STOP, raw="all", end=True) == ["emit all", "done ok"]
    assert play.exchange.record.too_late == ("yes",)
    assert play.exchange.record.as_json()["too_late"] == ["yes"]


def test_a_stream_of_which_nothing_was_sent_is_refused_whole(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.says(TextDelta("a"), STOP, raw="a") == []
    assert play.says(end=True) == ["done denied no"]
    assert play.exchange.record.committed is None


def test_another_choice_may_go_on_after_the_end_of_the_first(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.says(TextDelta("a"), raw="a") == ["emit a"]
    assert play.says(STOP, raw="|") == []
    assert play.says(TextDelta("b", choice=1), raw="b") == ["emit |b"]
    assert play.says(Finished(FinishReason.LENGTH, choice=1), raw="|", end=True) == ["done denied no"]
    assert play.seen[0][1].finish is FinishReason.STOP
    assert play.seen[0][1].text == "a"


def test_a_stream_that_breaks_at_its_end_does_not_look_complete(candidate: Make) -> None:
    play = Play(candidate("a"), verdict=YES)
    play.says(TextDelta("a"), raw="a")
    play.says(STOP, raw="|")
    broken = Broken(Failure(FailureKind.STREAM_BROKEN, "cut"))
    assert play.says(broken, end=True) == ["done stream_broken"]
    assert play.seen == []


def test_an_end_that_does_not_end_is_a_failure(candidate: Make) -> None:
    play = Play(candidate("a"), verdict=YES)
    play.says(TextDelta("a"), raw="a")
    play.says(STOP, raw="|")
    ends = [play.says(Usage(1, 1), raw="u") for _ in range(HELD_EVENTS)]
    assert ends == [[]] * (HELD_EVENTS - 1) + [["cancel", "done stream_broken"]]


def test_failover_comes_first_and_only_what_would_be_given_is_judged(candidate: Make) -> None:
    play = Play(candidate("a"), candidate("b"), verdict=YES, after=DEFAULT_AFTER | {FailureKind.REFUSED})
    assert play.says(TextDelta("I can't"), STOP, raw="{}", end=True) == ["open b"]
    assert play.says(TextDelta("Sure"), STOP, raw="{2}", end=True, number=2) == ["emit {2}", "done ok"]
    assert [target for target, _ in play.seen] == ["b"]


def test_a_failure_is_no_answer(candidate: Make) -> None:
    play = Play(candidate("a"))
    assert play.does(Failed(1, Failure(FailureKind.INVALID_REQUEST, "no"))) == ["done invalid_request"]
    assert play.seen == []


@pytest.mark.parametrize(
    ("events", "refused"),
    [
        ([TextDelta("I can"), TextDelta("'t"), STOP], True),
        ([RefusalDelta("no"), STOP], True),
        ([Finished(FinishReason.CONTENT_FILTER)], True),
        ([TextDelta("Sure"), STOP], False),
    ],
)
def test_what_is_judged_says_whether_it_is_a_refusal(candidate: Make, events: list[StreamEvent], refused: bool) -> None:
    play = Play(candidate("a"), words=False)
    play.says(*events, end=True)
    assert [(answer.refused, answer.text) for _, answer in play.seen] == [(refused, "")]


def test_text_has_a_refusals_words_and_no_thoughts_and_calls_are_named_once(candidate: Make) -> None:
    play = Play(candidate("a"), verdict=YES)
    play.says(ReasoningDelta("hm"))
    play.says(TextDelta("So: "))
    play.says(RefusalDelta("no"))
    play.says(ToolCallDelta(0, "c1", "look", ""), ToolCallDelta(0, None, None, "{}"), ToolCallDelta(1, "c2", "go", ""))
    play.says(Finished(FinishReason.TOOL_CALLS), end=True)
    [(_, answer)] = play.seen
    assert (answer.text, answer.tools, answer.finish) == ("So: no", ("look", "go"), FinishReason.TOOL_CALLS)


def test_text_without_end_is_not_kept(candidate: Make) -> None:
    play = Play(candidate("a"), verdict=YES)
    for _ in range(3):
        play.says(TextDelta("x" * (LONGEST_TEXT // 2)))
    play.says(STOP, end=True)
    assert play.seen[0][1].text is None
