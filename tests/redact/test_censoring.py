"""What is found in answers is replaced: the same however an answer is cut, and nothing of it goes before that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.finding import Plain
from tests.support.strings import cut

from policyroute.events import (
    Broken,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from policyroute.exhausted import Exhausted
from policyroute.failures import Failure, FailureKind
from policyroute.redact.censoring import Censoring, censored
from policyroute.redact.known import Known
from policyroute.redact.modes import Blocked, Mode, Rule
from policyroute.redact.replacing import Redaction

CHANNELS = (TextDelta, ReasoningDelta, RefusalDelta)
KNOWN = Known({"customer": ["Jane Roe"]})
MAIL, CARD = "alice@example.com", "4111 1111 1111 1111"


def redaction(mode: Mode = Mode.MASK) -> Redaction:
    return Redaction([Rule("r", Plain(), mode), Rule("s", Plain("email"), Mode.HASH)], KNOWN, None, b"key")


def said(events: Iterable[StreamEvent], channel: Any) -> str:
    if channel is ToolCallDelta:
        return "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    return "".join(event.text for event in events if isinstance(event, CHANNELS) and isinstance(event, channel))


def streamed(channel: Any, pieces: Iterable[str], censoring: Censoring) -> str:
    calls = channel is ToolCallDelta
    events = [ToolCallDelta(0, None, None, piece) if calls else channel(piece) for piece in pieces]
    found = [each for event in events for each in censoring.passed([event])]
    return said([*found, *censoring.rest()], channel)


WORDS = st.lists(
    st.sampled_from(
        [
            *(
                MAIL,
                CARD,
                "Jane Roe",
                "bob@example.org",
                "AC-123456",
                "4111-1111-1111-1111",
                "4111",
                "1111 ",
                "@",
                "Jane",
            ),
            *(
                " ",
                "\n",
                ", and ",
                "so it is. ",
                "[EMAIL]",
                "é€😀",
                "a" * 40,
                "x.y-z ",
                "1" * 20,
                '"',
                "\\",
                "{",
                "\\u0040",
            ),
        ]
    ),
    max_size=25,
).map("".join)
CUTS = st.lists(st.integers(0, 1000), max_size=20)


@given(WORDS, CUTS, st.sampled_from(CHANNELS), st.sampled_from([Mode.MASK, Mode.REMOVE, Mode.HASH]))
def test_a_stream_says_what_the_whole_says_however_it_is_cut(
    text: str, places: list[int], channel: Any, mode: Mode
) -> None:
    found = streamed(channel, cut(text, places), Censoring(redaction(mode)))
    assert found == censored({"content": text}, redaction(mode))["content"]
    assert found == redaction(mode).once(text)


def test_every_two_way_split_of_a_text() -> None:
    text = f"{'so it is. ' * 30}To {MAIL}, {CARD} and Jane Roe{MAIL}. {'so it is. ' * 30}{MAIL}"
    expected = redaction().text(text)
    for place in range(len(text) + 1):
        assert streamed(TextDelta, [text[:place], text[place:]], Censoring(redaction())) == expected


VALUES = st.recursive(
    WORDS | st.just(4111111111111111) | st.none() | st.booleans() | st.just(-2.5e-3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3) | inner.map(json.dumps),
    max_leaves=6,
)


@given(VALUES, CUTS, st.booleans())
def test_arguments_however_they_are_cut(value: Any, places: list[int], as_text: bool) -> None:
    text = json.dumps({"x": value})
    channel = TextDelta if as_text else ToolCallDelta
    found = streamed(channel, cut(text, places), Censoring(redaction(), json=as_text))
    name = "content" if as_text else "arguments"
    assert found == censored({name: text}, redaction(), json=as_text)[name]
    assert json.loads(found) == redaction().body({"arguments": {"x": value}})["arguments"]


@given(WORDS, CUTS)
def test_what_was_to_be_json_and_is_none(text: str, places: list[int]) -> None:
    found = streamed(ToolCallDelta, cut("{" + text, places), Censoring(redaction()))
    assert found == censored({"arguments": "{" + text}, redaction())["arguments"]
    assert MAIL not in found


def test_escapes_in_arguments_hide_nothing() -> None:
    text = r'{"to": "alice\u0040example.com", "n": "{\"to\": \"alice\\u0040example.com\"}", "c": [4111111111111111]}'
    for place in range(len(text)):
        found = json.loads(streamed(ToolCallDelta, [text[:place], text[place:]], Censoring(redaction())))
        assert found == {"to": "[EMAIL]", "n": '{"to": "[EMAIL]"}', "c": ["[CARD]"]}


@given(WORDS, CUTS)
def test_no_more_is_held_than_may_still_change(text: str, places: list[int]) -> None:
    censoring, one = Censoring(redaction()), redaction()
    came = gone = ""
    for piece in cut(text, places):
        came += piece
        gone += said(censoring.passed([TextDelta(piece)]), TextDelta)
        assert one.once(text).startswith(gone)
        crossing = max((span.end - span.start for span in one.spans(came)), default=0)
        assert len(one.once(came)) - len(gone) <= one.reach + 2 * 64 + 2 * crossing + len("[CUSTOMER]")


def test_a_long_answer_is_not_held() -> None:
    censoring = Censoring(redaction())
    gone = "".join(said(censoring.passed([TextDelta("so it is. ")]), TextDelta) for _ in range(1000))
    assert len(gone) > 10_000 - 2 * 140


def test_what_is_held_goes_before_the_end() -> None:
    censoring = Censoring(redaction())
    events: list[StreamEvent] = [
        ReasoningDelta(f"to {MAIL}"),
        TextDelta(f"I wrote to {MAIL}", 0),
        TextDelta("Hello", 1),
        ToolCallDelta(0, "t1", f"f_{MAIL}", '{"a": '),
        ToolCallDelta(1, "t2", "g", '{"b": "'),
        ToolCallDelta(0, None, None, f'"{MAIL}"}}'),
        ToolCallDelta(1, None, None, f'{MAIL}"}}'),
        Finished(FinishReason.TOOL_CALLS, 0),
        Finished(FinishReason.STOP, 1),
    ]
    found = [each for event in events for each in censoring.passed([event])]
    assert [type(event) for event in found][-4:] == [ToolCallDelta, Finished, TextDelta, Finished]
    assert censoring.rest() == []
    assert said(found, ReasoningDelta) == "to [EMAIL]"
    assert said([event for event in found if getattr(event, "choice", 0) == 0], TextDelta) == "I wrote to [EMAIL]"
    calls = {event.index: event for event in reversed(found) if isinstance(event, ToolCallDelta) and event.id}
    assert calls[0].name is not None
    assert calls[0].name.startswith("EMAIL_")
    assert (
        said([e for e in found if isinstance(e, ToolCallDelta) and e.index == 0], ToolCallDelta) == '{"a": "[EMAIL]"}'
    )


def test_words_that_something_else_interrupts() -> None:
    """Nobody can take back what was said; what comes after is not the rest of a value."""
    censoring = Censoring(redaction())
    events: list[StreamEvent] = [TextDelta(f"{CARD[:-5]}"), ReasoningDelta("hm"), TextDelta(f"{CARD[-5:]} so")]
    found = [each for event in events for each in censoring.passed([event])] + censoring.rest()
    assert said(found, TextDelta) == f"{CARD[:-5]}[CARD] so"


@pytest.mark.parametrize("channel", [*CHANNELS, ToolCallDelta])
def test_what_blocks_is_never_said(channel: Any) -> None:
    censoring = Censoring(redaction(Mode.BLOCK))
    with pytest.raises(Blocked) as blocked:
        streamed(channel, ['{"a": "', "so it is. " * 30, MAIL[:5], MAIL[5:], '"}'], censoring)
    assert (blocked.value.rule, blocked.value.kind) == ("r", "email")
    assert MAIL not in str(blocked.value)


def test_what_cannot_be_looked_through_is_never_said() -> None:
    with pytest.raises(Exhausted):
        streamed(TextDelta, ["so it is. ENDLESS"], Censoring(redaction()))


def test_vectors_are_as_long_as_they_are() -> None:
    vectors = [{"object": "embedding", "index": at, "embedding": [at / 7, 0] * 1000} for at in range(300)]
    answer = {"object": "list", "data": vectors, "model": "m"}
    assert censored(answer, redaction()) is answer
    assert MAIL not in str(censored({"data": [{"embedding": [0.1, MAIL]}]}, redaction()))


def test_what_has_nothing_is_the_same_object() -> None:
    answer = {"choices": [{"message": {"content": "Hello", "tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}}]}
    assert censored(answer, redaction()) is answer


def test_what_is_held_when_an_answer_breaks_off_is_not_said() -> None:
    broken = Broken(Failure(FailureKind.STREAM_BROKEN, "It broke."))
    stage = Censoring(redaction())
    assert stage.passed([TextDelta(MAIL), broken])[-1] is broken
    assert stage.rest() == []
