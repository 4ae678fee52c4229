"""What a model is shown that goes round in circles, and what becomes of it for each vendor."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.looping import DIALECTS, Does, Says, did, prompt

from policyroute.adapt import fit
from policyroute.adapt.room import Room
from policyroute.catalogue.traits import traits
from policyroute.dialects import DIALECTS as WRITERS
from policyroute.divergence import KINDS, Evidence, Reaction, Watch, quoted, reacted, reaction, watched, went_back
from policyroute.request.prompt import Call, Other, Part, Prompt, Result, Role, Text, Thought, Turn
from policyroute.scrub.segment import GATEWAYS

WATCH = Watch(react=("nudge", "prune", "swap", "stop"))
TASK = Says("Make the tests pass.")
LIST = did("bash", "a\nb", command="ls")
EDIT = did("edit", "done", path="a.py")


def evidence(asked: Prompt) -> Evidence:
    found = watched(asked, WATCH)
    assert found is not None
    return found


def reacts(asked: Prompt, level: int) -> Reaction:
    """With what is kept of the conversation: so many reactions before."""
    return reaction(replace(evidence(asked), times=1), WATCH, level, "")


def said(asked: Prompt) -> str:
    """The last that the system says."""
    turn = [turn for turn in asked.turns if turn.role == "system"][-1]
    return "".join(part.text for part in turn.parts if isinstance(part, Text))


def calls(asked: Prompt) -> list[Call]:
    return [part for turn in asked.turns for part in turn.parts if isinstance(part, Call)]


def test_what_is_done_escalates_and_stays_at_the_last() -> None:
    asked = prompt("openai_chat", [TASK, *[LIST] * 3])
    assert [reacts(asked, level).kind for level in range(6)] == ["nudge", "prune", "swap", "stop", "stop", "stop"]


def test_the_same_request_does_not_escalate() -> None:
    found = evidence(prompt("openai_chat", [TASK, *[LIST] * 3]))
    assert reaction(found, WATCH, 2, found.mark).level == 2
    assert reaction(found, WATCH, 2, "another").level == 3


def test_it_escalates_where_nothing_is_kept() -> None:
    levels = [reaction(evidence(prompt("gemini", [TASK, *[LIST] * count])), WATCH, 0, "") for count in (3, 4, 5, 6)]
    assert [(each.level, each.kind) for each in levels] == [(1, "nudge"), (2, "prune"), (3, "swap"), (4, "stop")]


def test_nothing_is_done_where_nothing_is_watched() -> None:
    with pytest.raises(ValueError, match="watched"):
        reaction(Evidence("cycle"), Watch(), 0, "")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_nudge_is_the_last_that_is_said_and_says_what_is_wrong(dialect: str) -> None:
    asked = prompt(dialect, [TASK, *[LIST] * 4])
    shown = reacted(asked, reacts(asked, 0))
    assert shown.turns[:-1] == asked.turns
    text = said(shown)
    assert text.startswith(f"{GATEWAYS}divergence id=")
    assert "`bash` 4 times" in text and "the same each time" in text
    assert '{"tool":"bash","arguments":{"command":"ls"}}' in text
    assert "other arguments" in text and "another tool" in text and "blocked" in text


@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_is_said_once_however_often_it_is_asked_for(level: int) -> None:
    asked = prompt("anthropic", [TASK, *[LIST] * 5])
    done = reacts(asked, level)
    once = reacted(asked, done)
    assert reacted(once, done) is once
    assert reacted(asked, done) == once


def test_one_who_was_told_before_is_told_so() -> None:
    asked = prompt("openai_chat", [TASK, *[LIST] * 3])
    assert "told so before" not in reacts(asked, 0).nudge
    assert "told so before" in reacts(asked, 1).nudge


def test_what_is_quoted_is_bounded_and_no_tag_stands_in_it() -> None:
    asked = prompt("openai_chat", [TASK, *[did("bash", "no", text="</internal>" + "x" * 10_000)] * 3])
    done = reacts(asked, 0)
    assert quoted(asked, done) in said(reacted(asked, done))
    assert len(said(reacted(asked, done))) < 1500
    assert "<" not in said(reacted(asked, done)) and "\\u003c/internal" in said(reacted(asked, done))


def test_a_reaction_has_nothing_of_what_was_said() -> None:
    secret = "s3cr3t value"
    asked = prompt("openai_chat", [TASK, *[did(secret, secret, **{secret: secret})] * 3])
    done = reacts(asked, 1)
    assert secret not in f"{done!r} {done.as_json()} {done.nudge}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_repeated_calls_go_with_their_results_but_for_the_first_and_the_last(dialect: str) -> None:
    asked = prompt(dialect, [TASK, EDIT, *[LIST] * 5])
    shown = reacted(asked, reacts(asked, 1))
    ids = [call.id for call in calls(asked)]
    assert [call.id for call in calls(shown)] == [ids[0], ids[1], ids[-1]]
    assert "3 of the repeated calls are not shown" in said(shown)


def test_of_a_cycle_the_first_round_and_the_last_are_shown() -> None:
    asked = prompt("openai_chat", [TASK, *[LIST, EDIT] * 4])
    names = [call.name for call in calls(reacted(asked, reacts(asked, 1)))]
    assert names == ["bash", "edit", "bash", "edit"]


def test_results_that_differ_are_all_shown() -> None:
    asked = prompt("openai_chat", [TASK, *[did("ask", f"{at} " * 20, q="x") for at in range(5)]])
    done = reacts(asked, 1)
    assert (done.evidence.kind, done.kind, done.pruned) == ("same_call", "prune", frozenset())
    assert len(calls(reacted(asked, done))) == 5


def test_thoughts_of_a_step_that_is_shown_stay_and_what_the_user_said_beside_results_too() -> None:
    turns = [Turn("user", (Text("Do it."),))]
    for at in range(4):
        turns.append(Turn("assistant", (Thought("hm", {"signature": str(at)}), Call(f"c{at}", "t", "{}"))))
        turns.append(Turn("user", (Result(f"c{at}", (Text("A"),)), Text(f"<reminder>{at}</reminder>"))))
    asked = Prompt("anthropic", tuple(turns))
    shown = reacted(asked, reacts(asked, 1))
    thoughts = [part.extra for turn in shown.turns for part in turn.parts if isinstance(part, Thought)]
    assert thoughts == [{"signature": "0"}, {"signature": "3"}]
    assert [part.text for turn in shown.turns for part in turn.parts if isinstance(part, Text)][1:-1] == [
        f"<reminder>{at}</reminder>" for at in range(4)
    ]


def test_a_step_with_what_only_its_dialect_knows_is_shown() -> None:
    turns = [Turn("user", (Text("Do it."),))]
    for at in range(4):
        turns.append(Turn("assistant", (Other("server_tool_use", {"id": at}), Call(f"c{at}", "t", "{}"))))
        turns.append(Turn("user", (Result(f"c{at}", (Text("A"),)),)))
    asked = Prompt("anthropic", tuple(turns))
    assert reacts(asked, 1).pruned == frozenset()


def test_the_beginning_of_an_answer_stays_the_end() -> None:
    begun = Turn("assistant", (Text("The answer is"),))
    asked = prompt("anthropic", [TASK, *[LIST] * 3])
    asked = replace(asked, turns=(*asked.turns, begun))
    shown = reacted(asked, reacts(asked, 0))
    assert [turn.role for turn in shown.turns[-3:]] == ["user", "system", "assistant"]


def test_every_kind_can_be_told() -> None:
    for kind in KINDS:
        told = reaction(Evidence(kind, tool="bash", count=3, mark="m"), WATCH, 0, "").nudge
        assert 80 < len(told) < 600 and "{" not in told


def test_who_goes_back_is_told_without_a_call() -> None:
    asked = prompt("openai_chat", [TASK])
    back = went_back({"t": 4}, "t", 2)
    assert back is not None
    assert "finished already" in said(reacted(asked, reaction(back, WATCH, 0, "")))


def test_stop_shows_the_model_nothing() -> None:
    asked = prompt("openai_chat", [TASK, *[LIST] * 3])
    assert reacted(asked, reacts(asked, 3)) is asked


VENDORS = {"openai_chat": "openai", "openai_responses": "openai", "anthropic": "anthropic", "gemini": "google"}


def sent(dialect: str, asked: Prompt) -> dict[str, Any]:
    """What a vendor's own model is sent."""
    told = fit(
        asked,
        WRITERS[dialect],
        "m",
        traits(dialect, VENDORS[dialect], "m", None, {}),
        Room(),
        stream=False,
        interactive=True,
    )
    return told.data or WRITERS[dialect].write(asked, "m", stream=False).data


def joined(turns: list[dict[str, Any]], what: str) -> list[list[dict[str, Any]]]:
    """What one role says in a row, as their vendors take it: as one."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for turn in turns:
        said = turn[what] if isinstance(turn[what], list) else [{"text": turn[what]}]
        if found and found[-1][0] == turn["role"]:
            found[-1][1].extend(said)
        else:
            found.append((turn["role"], list(said)))
    return [said for _, said in found]


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("client", DIALECTS)
def test_results_follow_their_calls_wherever_it_is_sent(client: str, level: int) -> None:
    """And the nudge follows the results: in the user's turn where a vendor takes no system text there."""
    asked = prompt(client, [TASK, *[Does((*LIST.calls, *EDIT.calls), says="I look.")] * 4])
    shown = reacted(asked, reacts(asked, level))
    data = shown if client == "anthropic" else replace(shown, max_tokens=100)

    messages = joined(sent("anthropic", data)["messages"], "content")
    assert len(messages) == 1 + 2 * (2 if level else 4)
    for before, after in zip(messages[1::2], messages[2::2], strict=True):
        used = [block["id"] for block in before if block["type"] == "tool_use"]
        assert used == [block["tool_use_id"] for block in after[: len(used)]]
    assert "[gateway:divergence" in messages[-1][-1]["text"]

    contents = joined(sent("gemini", data)["contents"], "parts")
    for before, after in zip(contents[1::2], contents[2::2], strict=True):
        used = [part["functionCall"]["name"] for part in before if "functionCall" in part]
        assert used == [part["functionResponse"]["name"] for part in after if "functionResponse" in part]
    assert "[gateway:divergence" in contents[-1][-1]["text"]

    chat = sent("openai_chat", data)["messages"]
    assert [message["role"] for message in chat[-4:]] == ["assistant", "tool", "tool", "system"]

    items = sent("openai_responses", data)["input"]
    assert [item.get("type") for item in items[-3:-1]] == ["function_call_output"] * 2
    assert "[gateway:divergence" in str(items[-1])


TOOLS = st.sampled_from(["bash", "edit"])
IDS = st.sampled_from(["", "c1", "c2", "c3"])
PARTS: dict[Role, st.SearchStrategy[Part]] = {
    "system": st.builds(Text, st.just("s")),
    "user": st.one_of(
        st.builds(Result, IDS, st.just((Text("A"),)), st.booleans(), st.sampled_from(["", "bash"])),
        st.builds(Text, st.sampled_from(["Go on.", "Stop?"])),
    ),
    "assistant": st.one_of(
        st.builds(Call, IDS, TOOLS, st.just("{}")),
        st.builds(Text, st.sampled_from(["I look.", "Which?"])),
        st.builds(Thought, st.just("hm"), st.just({"signature": "x"})),
        st.builds(Other, st.just("odd"), st.just({"a": 1})),
    ),
}


@st.composite
def loops(draw: st.DrawFn) -> list[Turn]:
    first: tuple[Part, ...] = draw(st.sampled_from(((), (Text("I look."),), (Thought("hm"),))))
    tool, ids = draw(TOOLS), draw(st.booleans())
    turns: list[Turn] = []
    for at in range(draw(st.integers(3, 6))):
        id_ = f"l{at}" if ids else ""
        turns.append(Turn("assistant", (*first, Call(id_, tool, "{}"))))
        turns.append(Turn("user", (Result(id_, (Text("A"),), name=tool),)))
    return turns


@st.composite
def anything(draw: st.DrawFn) -> Prompt:
    """Turns in no order, of which some are a loop."""
    roles: list[Role] = draw(st.lists(st.sampled_from(list(PARTS)), max_size=8))
    turns = [Turn(role, tuple(draw(st.lists(PARTS[role], max_size=3)))) for role in roles]
    if draw(st.booleans()):
        turns += draw(loops())
    return Prompt("openai_chat", tuple(turns))


def loose(asked: Prompt) -> Counter[tuple[str, bool]]:
    """Ids that calls or results have, of those that only one of both has."""
    made = Counter(call.id for call in calls(asked))
    gave = Counter(part.call_id for turn in asked.turns for part in turn.parts if isinstance(part, Result))
    return Counter({(id_, True): count for id_, count in (made - gave).items()}) + Counter(
        {(id_, False): count for id_, count in (gave - made).items()}
    )


@given(anything(), st.integers(0, 3))
def test_nothing_but_whole_steps_goes_and_nothing_but_a_nudge_comes(asked: Prompt, level: int) -> None:
    found = watched(asked, WATCH)
    if found is None:
        return
    done = reaction(found, WATCH, level, "")
    shown = reacted(asked, done)
    assert len(calls(shown)) == len(calls(asked)) - len(done.pruned)
    assert loose(shown) == loose(asked)
    left = iter(asked.turns)
    for turn in shown.turns:
        if not said_by_gateway(turn):
            assert any(_is_left_of(turn, each) for each in left)
    assert sum(map(said_by_gateway, shown.turns)) == (1 if done.nudge else 0)


def said_by_gateway(turn: Turn) -> bool:
    return any(isinstance(part, Text) and part.text.startswith(GATEWAYS) for part in turn.parts)


def _is_left_of(turn: Turn, given: Turn) -> bool:
    """The very turn, or what is left of it where results went."""
    return turn is given or turn.parts == tuple(part for part in given.parts if not isinstance(part, Result))
