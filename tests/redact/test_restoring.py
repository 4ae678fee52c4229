"""Values come back in answers: the same however the answer is cut, and nowhere that would send them away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.strings import cut

from policyroute.events import (
    Broken,
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
from policyroute.failures import Failure, FailureKind
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.restoring import Restoring, restored

VALUES = {"email": "alice@example.com", "card": "4111 1111 1111 1111", "customer": 'Jane "J" Roe', "key": "a\\b\nc"}
OURS = Pseudonyms(b"one conversation's key")
TOKENS = {kind: OURS.of(kind, value) for kind, value in VALUES.items()}
EMAIL, CARD, JANE, KEY = TOKENS.values()
THEIRS = Pseudonyms(b"another conversation's key").of("email", "bob@example.com")
CHANNELS = (TextDelta, ReasoningDelta, RefusalDelta)


def streamed(pieces: Sequence[StreamEvent], restoring: Restoring) -> list[StreamEvent]:
    found = [event for piece in pieces for event in restoring.passed([piece])]
    return [*found, *restoring.rest()]


def said(events: Iterable[StreamEvent]) -> dict[tuple[Any, ...], str]:
    """Each channel's text."""
    found: dict[tuple[Any, ...], str] = {}
    for event in events:
        if isinstance(event, CHANNELS):
            key: tuple[Any, ...] = (type(event), event.choice)
            found[key] = found.get(key, "") + event.text
        elif isinstance(event, ToolCallDelta):
            key = (ToolCallDelta, event.choice, event.index)
            found[key] = found.get(key, "") + event.arguments
    return found


def whole(text: str, **how: Any) -> str:
    said: str = restored({"content": text}, OURS, **how)["content"]
    return said


PIECES = st.sampled_from(
    [
        *TOKENS.values(),
        THEIRS,
        *("Z", "ZQ", EMAIL[:9], CARD[:-1], EMAIL[1:], "Dear ", ", ", "\n", "é€😀", "[", "](", ")", "<a href=", ">"),
        *("https://x.example/?q=", "data:", '"', "\\", "{", "}", "a" * 20, EMAIL + CARD, EMAIL[:-1] + CARD),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
CUTS = st.lists(st.integers(0, 500), max_size=12)


@given(TEXTS, CUTS, st.sampled_from(CHANNELS), st.booleans(), st.booleans())
def test_a_stream_says_what_the_whole_says_however_it_is_cut(
    text: str, places: list[int], channel: Any, in_urls: bool, as_json: bool
) -> None:
    how = {"in_urls": in_urls, "json": as_json}
    events: list[StreamEvent] = [channel(piece) for piece in cut(text, places)]
    found = streamed(events, Restoring(OURS, in_urls=in_urls, json=as_json))
    assert said(found).get((channel, 0), "") == whole(text, **how)


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_two_way_split(channel: Any) -> None:
    text = f"To {EMAIL}, {CARD} and {EMAIL}{JANE} not {THEIRS}, {EMAIL[:-1]}, Z [x](https://x.example/{EMAIL}) end ZQ"
    expected = whole(text)
    assert VALUES["email"] in expected
    for place in range(len(text) + 1):
        events: list[StreamEvent] = [channel(text[:place]), channel(text[place:])]
        assert said(streamed(events, Restoring(OURS)))[channel, 0] == expected


ARGUMENTS = st.recursive(
    TEXTS.filter(lambda text: "://" not in text and "](" not in text and "<a" not in text and "data:" not in text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=5,
).map(lambda value: {"x": value})


@given(ARGUMENTS, CUTS)
def test_arguments_say_it_as_json(value: dict[str, Any], places: list[int]) -> None:
    text = json.dumps(value)
    events: list[StreamEvent] = [ToolCallDelta(0, "t1", "f", "")]
    events += [ToolCallDelta(0, None, None, piece) for piece in cut(text, places)]
    found = said(streamed(events, Restoring(OURS)))[ToolCallDelta, 0, 0]
    assert found == restored({"arguments": text}, OURS)["arguments"]
    assert json.loads(found) == restored({"input": value}, OURS)["input"]


def test_json_inside_of_json() -> None:
    inner = json.dumps({"to": JANE, "note": KEY, "again": json.dumps({"to": JANE})})
    outer = json.dumps({"body": inner, "said": f'he said "{JANE}"'})
    found = json.loads(restored({"arguments": outer}, OURS)["arguments"])
    assert found["said"] == f'he said "{VALUES["customer"]}"'
    body = json.loads(found["body"])
    assert (body["to"], body["note"]) == (VALUES["customer"], VALUES["key"])
    assert json.loads(body["again"]) == {"to": VALUES["customer"]}


NO_LINKS = [
    "e.g. {}",
    "in a.py: {}",
    "x.example/a, {}",
    "Write to {}.",
    "<{}>",
    "[{}]",
    "mailto:{}",
    "[write](mailto:{})",
    '<a href="mailto:{}">',
    "see https://x.example and {}",
    "[x](https://x.example) {}",
    "a < b and {}",
    "<b>{}</b>",
    "<https://x.example> {}",
    "[10:32]: {}",
    "call(x, {})",
    '<img src="a.png"> {}',
]
LINKS = [
    "x.example/?q={}",
    "look at //sub.x.example:8080/{}",
    "x.example#{}",
    "https://x.example/?q={}",
    "HTTP://x.example/{}",
    "ftp://x.example/a,{}",
    "http://{}@x.example",
    "![x](https://x.example/?q={})",
    "![x](//x.example/{})",
    "![x](//x.example/(a)/{})",
    "[x](<//x.example/ a)b {}>)",
    "[x](\n//x.example/{})",
    "[x]: //x.example/{}",
    "[x]: <//x.example/ {}>",
    "<img src=//x.example/{}>",
    "<img src='//x.example/ {}'>",
    '<img alt=">" src="//x.example/{}">',
    '<img\nsrc = "//x.example/\n\n{}">',
    "data:text/html,{}",
    "www.x.example/{}",
    "url(//x.example/{})",
    "url( '//x.example/{}')",
    "javascript:f({})",
    '<img src="//x.example/?mailto:{}">',
    "[x](mailto:b@x.example?body={})",
]


@pytest.mark.parametrize("text", NO_LINKS)
def test_a_value_is_given_back_where_nothing_sends_it_away(text: str) -> None:
    assert whole(text.format(EMAIL)) == text.format(VALUES["email"])


@pytest.mark.parametrize("text", LINKS)
def test_no_value_is_put_in_a_link(text: str) -> None:
    told = text.format(EMAIL) + f" and {EMAIL}"
    assert not whole(told).startswith(text.format(VALUES["email"])[:-1])
    assert VALUES["email"] in whole(told, in_urls=True)
    assert restored({"arguments": json.dumps({"x": text.format(EMAIL)})}, OURS)["arguments"] == json.dumps(
        {"x": text.format(EMAIL)}
    )


def test_strings_of_json_are_each_by_themselves() -> None:
    text = json.dumps({"url": "https://x.example", "mail": EMAIL, "html": "<b c=", "to": EMAIL}, separators=(",", ":"))
    assert restored({"arguments": text}, OURS)["arguments"].count(VALUES["email"]) == 2
    slashes = text.replace("/", "\\/").replace("example", "example\\/" + EMAIL)
    assert restored({"arguments": slashes}, OURS)["arguments"].count(EMAIL) == 1


def test_nothing_is_said_after_the_end_and_nothing_is_out_of_order() -> None:
    restoring = Restoring(OURS)
    events: list[StreamEvent] = [
        Started("id", "m"),
        ReasoningDelta("from A to Z"),
        TextDelta(f"Dear {EMAIL[:5]}"),
        ToolCallDelta(0, "t1", f"f_{EMAIL}", ""),
        ToolCallDelta(0, None, None, EMAIL[:6]),
        ToolCallDelta(1, "t2", "g", '{"x":"'),
        ToolCallDelta(0, None, None, EMAIL[6:]),
        OtherContent("audio"),
        TextDelta("Z", choice=1),
        Finished(FinishReason.STOP),
        Finished(FinishReason.STOP, choice=1),
    ]
    found = streamed(events, restoring)
    assert [type(event) for event in found] == [
        *(Started, ReasoningDelta, ReasoningDelta, TextDelta, TextDelta, ToolCallDelta, ToolCallDelta, ToolCallDelta),
        *(OtherContent, Finished, TextDelta, Finished),
    ]
    assert [event.name for event in found if isinstance(event, ToolCallDelta)] == [f"f_{VALUES['email']}", "g", None]
    assert said(found)[TextDelta, 0] == f"Dear {EMAIL[:5]}"
    assert said(found)[ToolCallDelta, 0, 0] == VALUES["email"]
    assert restoring.rest() == []


@given(TEXTS, CUTS)
def test_no_more_is_held_than_may_become_a_pseudonym(text: str, places: list[int]) -> None:
    restoring = Restoring(OURS, in_urls=True)
    came = gone = ""
    for piece in cut(text, places):
        came += piece
        gone += said(restoring.passed([TextDelta(piece)])).get((TextDelta, 0), "")
        settled = whole(came, in_urls=True)
        held = settled[len(gone) :]
        assert settled.startswith(gone)
        assert not held or any(token.startswith(held) and token != held for token in TOKENS.values())


@given(TEXTS)
def test_only_whole_pseudonyms_of_ours_are_given_back(text: str) -> None:
    values = OURS.values
    assert whole(text, in_urls=True) == re.sub("|".join(values), lambda found: values[found[0]], text)


@given(st.lists(st.tuples(st.sampled_from([(TextDelta, 0), (TextDelta, 1), (ToolCallDelta, 2)]), TEXTS, CUTS)))
def test_choices_and_calls_are_each_by_themselves(told: list[tuple[Any, str, list[int]]]) -> None:
    sides: dict[Any, list[StreamEvent]] = {}
    texts: dict[Any, str] = {}
    for (kind, number), text, places in told:
        key = (kind, number) if kind is TextDelta else (kind, 2, 0)
        texts[key] = texts.get(key, "") + text
        for piece in cut(text, places):
            call = ToolCallDelta(0, None, None, piece, number)
            sides.setdefault(key, []).append(call if kind is ToolCallDelta else TextDelta(piece, number))
    mixed = [event for events in zip_longest(*sides.values()) for event in events if event is not None]
    found = said(streamed(mixed, Restoring(OURS)))
    for key, text in texts.items():
        name = "arguments" if key[0] is ToolCallDelta else "content"
        assert found.get(key, "") == restored({name: text}, OURS)[name]


def test_what_has_no_pseudonym_is_the_same_object() -> None:
    answer = {"choices": [{"message": {"content": f"Hello, {THEIRS}"}, "logprobs": None}], "usage": {"n": 1.5}}
    assert restored(answer, OURS) is answer
    event = TextDelta("Zebra")
    assert Restoring(OURS).passed([event])[0] is event


def test_two_hundred_conversations_see_nothing_of_each_other() -> None:
    conversations = [Pseudonyms(bytes([number]) * 32) for number in range(200)]
    tokens = [each.of("email", f"user{number}@example.com") for number, each in enumerate(conversations)]
    text = " ".join(tokens)
    for number, each in enumerate(conversations):
        found = restored({"content": text}, each)["content"].split(" ")
        assert [place for place, word in enumerate(found) if "@" in word] == [number]
        assert found[number] == f"user{number}@example.com"


def test_what_is_held_when_an_answer_breaks_off_is_not_said() -> None:
    broken = Broken(Failure(FailureKind.STREAM_BROKEN, "It broke."))
    stage = Restoring(OURS)
    assert stage.passed([TextDelta(EMAIL[:9]), broken])[-1] is broken
    assert stage.rest() == []
