"""What traffic teaches about the size of prompts."""

from __future__ import annotations

from policyroute.record import AttemptRecord
from policyroute_asgi.windows import FORGOTTEN_AFTER, SAMPLED, Windows

PLACE = ("gpt", "openai")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def attempt(outcome: str = "ok", **fields: object) -> AttemptRecord:
    made = AttemptRecord(1, *PLACE, "gpt-5.5", opened=0.0, outcome=outcome)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def never() -> int:
    raise AssertionError("nobody has to estimate this")


def test_an_overflow_makes_the_window_smaller_than_the_prompt_for_an_hour() -> None:
    clock = Clock()
    windows = Windows(clock)
    assert windows.add(attempt("context_overflow"), lambda: 9000) == 8999
    assert windows[PLACE].window == 8999
    assert PLACE in windows.narrowed
    assert windows.add(attempt("context_overflow"), lambda: 9500) == 8999
    clock.now = FORGOTTEN_AFTER + 1
    assert windows[PLACE].window is None
    assert not windows.narrowed


def test_an_answer_cut_for_its_length_without_a_limit_shows_the_window() -> None:
    windows = Windows(Clock())
    cut = attempt(finish="length", input_tokens=7000, output_tokens=1192)
    assert windows.add(attempt(finish="length", input_tokens=7000, output_tokens=9, max_tokens=9), lambda: 7000) is None
    assert windows.add(cut, never) == 8192


def test_what_a_provider_counts_corrects_the_estimate_and_only_some_answers_are_looked_at() -> None:
    windows = Windows(Clock())
    asked: list[int] = []

    def estimate() -> int:
        asked.append(1)
        return 1000

    for _ in range(3 * SAMPLED):
        windows.add(attempt(input_tokens=1500, output_tokens=10), estimate)
    assert windows[PLACE].ratio == 1.5
    assert len(asked) == 3
    assert windows.add(attempt("context_overflow"), lambda: 1000) == 1499


def test_the_answer_that_was_asked_for_is_part_of_what_did_not_fit() -> None:
    windows = Windows(Clock())
    assert windows.add(attempt("context_overflow", max_tokens=2000), lambda: 7000) == 8999
    assert Windows(Clock()).add(attempt("context_overflow", max_tokens=7000), lambda: 2000) is None


def test_nobody_makes_a_window_too_small_for_everybody() -> None:
    windows = Windows(Clock())
    assert windows.add(attempt("context_overflow"), lambda: 100) is None
    assert windows.add(attempt("context_overflow", max_tokens=10**9), lambda: 100) is None
    assert not windows.narrowed


def test_images_do_not_make_every_word_a_thousand_tokens() -> None:
    windows = Windows(Clock())
    windows.add(attempt(input_tokens=50_000, output_tokens=10), lambda: 10)
    assert windows[PLACE].ratio == 5.0


def test_other_failures_teach_nothing() -> None:
    windows = Windows(Clock())
    assert windows.add(attempt("overloaded"), never) is None
    assert len(windows) == 0
