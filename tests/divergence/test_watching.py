"""What is seen of an agent that goes round in circles, and what is not taken for it, in all dialects."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from tests.support.looping import DIALECTS, Does, Round, Says, did, prompt

from policyroute.divergence import KINDS, Evidence, Watch, task_step, watched, went_back
from policyroute.request.prompt import Call, Media, Other, Prompt, Result, Text, Turn

WATCH = Watch(react=("nudge",))
TASK = Says("Make the tests pass.")
LIST = did("bash", "a\nb", command="ls")
TEST = did("bash", "1 failed", command="pytest")
LINT = did("bash", "fine", command="ruff check")


def edit(number: int) -> Does:
    return did("edit", "done", path="a.py", line=number)


def times(count: int, *rounds: Round) -> list[Round]:
    return [*rounds] * count


def numbered(tool: str, count: int, result: str = "result {}", **arguments: str) -> list[Round]:
    """The same call, with another result each time."""
    return [did(tool, result.format(at), **arguments) for at in range(count)]


PAGES = [" ".join(f"w{at}x{n}" for n in range(20)) for at in range(8)]

SEEN: dict[str, tuple[str, list[Round]]] = {
    "the same call": ("repeated_call", times(3, LIST)),
    "with what passes in its result": (
        "repeated_call",
        [did("run", f"2026-01-0{at}T10:00:0{at}Z ok in 0.{at}s at 0x7f{at}abcd", x=1) for at in range(1, 4)],
    ),
    "several calls at once": ("repeated_call", times(3, Does((*LIST.calls, *TEST.calls)))),
    "the same call twice at once": ("repeated_call", times(3, Does(LIST.calls * 2))),
    "at the end of honest work": ("repeated_call", [edit(1), TEST, edit(2), *times(3, LIST)]),
    "with a script that says go on": (
        "repeated_call",
        [Says("Go on."), *(each for _ in range(3) for each in (LIST, Says("Go on.")))],
    ),
    "two in turn": ("cycle", times(2, LIST, TEST)),
    "three in turn": ("cycle", times(2, LIST, TEST, LINT)),
    "five in turn": ("cycle", times(2, LIST, TEST, LINT, edit(1), edit(2))),
    "in no order": ("cycle", [LIST, TEST, LINT, TEST, LIST, TEST]),
    "the same call, whatever it gives": ("same_call", [did("ask", page, q="x") for page in PAGES[:4]]),
    "the same call, nearly the same result": (
        "same_call",
        [did("ask", f"{PAGES[0]} {PAGES[1]} {at}", q="x") for at in range(3)],
    ),
    "talk": ("monologue", [Says("Go on."), *times(4, Does(says="I will do it now."), Says("Go on."))]),
    "nearly the same talk": (
        "monologue",
        [
            each
            for at in range(4)
            for each in (Does(says=f"I will now look at all of the files, and then fix it. {at}"), Says("Go on."))
        ],
    ),
    "a question that was answered": (
        "repeated_question",
        times(2, Does(says="What is the number of your order?"), Says("It is A-4711.")),
    ),
    "and answered in more words": (
        "repeated_question",
        [
            Does(says="What is the number of your order?"),
            Says("A-4711"),
            Does(says="What is the number of your order?"),
            Says("As I said: A-4711."),
        ],
    ),
    "a poll without end": ("repeated_call", times(9, did("get_job_status", "running", id=1))),
}

NOT_SEEN: dict[str, list[Round]] = {
    "nothing": [],
    "two of a kind": times(2, LIST),
    "one that has found its way out": [*times(5, LIST), TEST],
    "work, tested each time": [each for at in range(6) for each in (edit(at), TEST, LINT)],
    "a poll": times(8, did("get_job_status", "running", id=1)),
    "a poll by another name": times(8, did("waitForJob", "running", id=1)),
    "a command that sleeps": times(8, did("bash", "running", command="sleep 30; gh run view")),
    "a poll between others": times(4, did("get_job_status", "running", id=1), LIST),
    "pages": [did("browser", page, action="scroll", by=100) for page in PAGES],
    "pages by name": [did("next_page", page) for page in PAGES],
    "a user who asks for it": [each for at in range(4) for each in (Says(f"List them, {at}."), LIST)],
    "what the user said since": [*times(3, LIST), Says("Try something else.")],
    "other questions": [Does(says="Which size do you want?"), Says("A large one"), Does(says="Which?"), Says("Blue")],
    "another answer": times(1, Does(says="Anything else?"), Says("apples"), Does(says="Anything else?"), Says("pears")),
    "a question after new work": [
        Does(says="Shall I go on?"),
        Says("yes"),
        edit(1),
        Does(says="Shall I go on?"),
        Says("yes"),
    ],
    "a question that the user asks back": times(2, Does(says="Which one?"), Says("Which ones are there?")),
    "the beginning of an answer": [*times(2, LIST), Does(says="I")],
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", SEEN)
def test_a_loop_is_seen(dialect: str, case: str) -> None:
    kind, rounds = SEEN[case]
    found = watched(prompt(dialect, [TASK, *rounds]), WATCH)
    assert found is not None
    assert found.kind == kind
    assert kind in KINDS


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", NOT_SEEN)
def test_and_what_is_none_is_not(dialect: str, case: str) -> None:
    assert watched(prompt(dialect, [TASK, *NOT_SEEN[case]]), WATCH) is None


def seen(rounds: Sequence[Round], watch: Watch = WATCH) -> Evidence:
    found = watched(prompt("openai_chat", rounds), watch)
    assert found is not None
    return found


def test_the_evidence_says_which_tool_how_often_and_where() -> None:
    found = seen([TASK, edit(1), *times(4, LIST)])
    assert found.as_json() == {
        "kind": "repeated_call",
        "tool": "bash",
        "count": 4,
        "steps": [2, 3, 4, 5],
        "unchanged": True,
    }
    assert (found.call, found.spare, found.times) == (4, frozenset({2, 3}), 2)


def test_steps_are_counted_from_the_beginning_whatever_the_user_said_since() -> None:
    found = seen([TASK, edit(1), Says("And now?"), *times(2, LIST, TEST)])
    assert (found.kind, found.steps, found.count, found.call) == ("cycle", (2, 3, 4, 5), 2, 4)


def test_each_step_more_can_be_said_once_more() -> None:
    assert [seen([TASK, *times(count, LIST)]).times for count in range(3, 7)] == [1, 2, 3, 4]


def test_it_is_counted_over_a_way_out_that_was_none() -> None:
    assert seen([TASK, *times(3, LIST), TEST, *times(3, LIST)]).times == 2


def test_a_mark_is_the_requests_own() -> None:
    marks = {seen([TASK, *times(count, LIST)]).mark for count in (3, 4, 5)}
    assert len(marks) == 3
    assert seen([TASK, *times(3, LIST)]).mark in marks


def test_how_many_are_too_many_is_the_policys() -> None:
    five = Watch(("nudge",), repeats=5)
    assert watched(prompt("anthropic", [TASK, *times(4, LIST)]), five) is None
    assert seen([TASK, *times(5, LIST)], five).count == 5


def test_which_tools_poll_is_the_policys() -> None:
    rounds = [TASK, *times(8, did("fetchReport", "none yet"))]
    assert watched(prompt("gemini", rounds), Watch(("nudge",), polling=("fetch_report",))) is None
    assert watched(prompt("gemini", rounds), WATCH) is not None


def test_nothing_is_watched_where_nothing_is_to_be_done() -> None:
    assert watched(prompt("openai_chat", [TASK, *times(9, LIST)]), Watch()) is None


def test_evidence_has_nothing_of_what_was_said() -> None:
    secret = "s3cr3t value"
    found = seen([TASK, *times(3, did(secret, secret, **{secret: secret}))])
    assert found.tool == "tool"
    assert secret not in f"{found!r} {found.as_json()}"


def test_names_of_arguments_come_in_any_order_and_white_space_says_nothing() -> None:
    given = ['{"a": 1, "b": "x  y"}', '{"b":"x y","a":1}', '{\n"a": 1,\n"b": "x y"}']
    turns = [Turn("user", (Text("Do it."),))]
    for arguments in given:
        turns += [Turn("assistant", (Call("", "t", arguments),)), Turn("user", (Result("", (Text("no"),), name="t"),))]
    found = watched(Prompt("gemini", tuple(turns)), WATCH)
    assert found is not None and found.kind == "repeated_call"


def test_arguments_that_are_too_deep_to_be_written_again_are_compared_as_they_are() -> None:
    deep = '{"path": ' + "[" * 300 + "]" * 300 + "}"
    turns: list[Turn] = [Turn("user", (Text("Do it."),))]
    for at in range(3):
        turns += [Turn("assistant", (Call(f"c{at}", "t", deep),)), Turn("user", (Result(f"c{at}", (Text("A"),)),))]
    found = watched(Prompt("openai_chat", tuple(turns)), WATCH)
    assert found is not None and found.kind == "repeated_call"


@pytest.mark.parametrize("named", [True, False])
def test_thousands_of_calls_at_once_hold_nobody_up(named: bool) -> None:
    """Each with the result of the last: what is paired one by one takes twelve seconds."""
    turns: list[Turn] = [Turn("user", (Text("Do it."),))]
    for _ in range(3):
        ids = [f"c{at}" if named else "" for at in range(4000)]
        turns.append(Turn("assistant", tuple(Call(id_, f"t{at}", "{}") for at, id_ in enumerate(ids))))
        gave = [Result(id_, (Text("A"),), name=f"t{at}") for at, id_ in enumerate(ids)]
        turns.append(Turn("user", tuple(reversed(gave))))
    began = time.process_time()
    found = watched(Prompt("openai_chat", tuple(turns)), WATCH)
    assert found is not None and len(found.spare) == 4000
    assert time.process_time() - began < 3


def test_thousands_of_turns_that_say_nothing_new_hold_nobody_up() -> None:
    said = [Turn("user", (Text(f"Word {at}."),)) for at in range(8000)]
    turns = [*said]
    for at in range(3):
        turns += [Turn("assistant", (Call(f"c{at}", "t", "{}"),)), Turn("user", (Result(f"c{at}", (Text("A"),)),))]
    began = time.process_time()
    watched(Prompt("openai_chat", (*turns, *reversed(said))), WATCH)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("digits", ["1" * 2040, "1" * 1000 + "." + "1" * 1000])
def test_results_that_are_nothing_but_digits_hold_nobody_up(digits: str) -> None:
    asked = prompt("openai_chat", [TASK, *[did("pi", f"{at}{digits}") for at in range(40)]])
    began = time.process_time()
    assert watched(asked, WATCH) is not None
    assert time.process_time() - began < 1


def test_results_are_those_of_their_calls_however_they_come() -> None:
    """Two calls at once, their results in another order, and a failure that has the words of a success."""
    turns = [Turn("user", (Text("Do it."),))]
    for at, error in enumerate((False, True, False)):
        turns.append(Turn("assistant", (Call(f"a{at}", "t", "{}"), Call(f"b{at}", "u", "{}"))))
        said = Result(f"b{at}", (Text("B"), Media("image", data="xyz")), error=error)
        turns.append(Turn("user", (said, Result(f"a{at}", (Text("A"), Other("odd", {"k": 1}))))))
    found = watched(Prompt("anthropic", tuple(turns)), WATCH)
    assert found is not None and found.kind == "same_call"


def test_what_a_client_puts_beside_results_says_nothing() -> None:
    turns = [Turn("user", (Text("Do it."),))]
    for at in range(3):
        turns.append(Turn("assistant", (Call(f"a{at}", "t", "{}"),)))
        turns.append(Turn("user", (Result(f"a{at}", (Text("A"),)), Text(f"<reminder>{at} left</reminder>"))))
    found = watched(Prompt("anthropic", tuple(turns)), WATCH)
    assert found is not None and found.kind == "repeated_call"


@pytest.mark.parametrize(("step", "number"), [("2/3 Execute", 2), ("4", 4), ("", 0), ("Plan", 0), ("-1", 0), ("²", 0)])
def test_a_step_has_a_number(step: str, number: int) -> None:
    assert task_step({"x-task-id": "t", "x-task-step": step}) == (("t", number) if number else None)


def test_going_back_is_seen_and_going_on_is_not() -> None:
    furthest = {"t1": 3}
    found = went_back(furthest, "t1", 1)
    assert found is not None
    assert (found.kind, found.steps) == ("step_back", (1, 3))
    assert [went_back(furthest, "t1", step) for step in (0, 3, 4)] == [None] * 3
    assert went_back(furthest, "t2", 1) is None
    again = went_back(furthest, "t1", 2)
    assert again is not None and again.mark == found.mark
