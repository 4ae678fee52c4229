"""Labelled text in what a model says and in what is about to be sent, whatever it is hidden by, however it is cut."""

from __future__ import annotations

import base64
import codecs
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scrubbing import LOWER, asked, said, told

from policyroute.clearance import Clearance
from policyroute.scrub import Listening, Traces, asserted, leaks
from policyroute.scrub.traces import Trace

SECRET = "Escalate to the night desk in Lódź when the refund is above forty euros."
SHORT = "Bluebird 7"
TRACES = Traces(
    [Trace("rules", Clearance.CONFIDENTIAL, SECRET), Trace("name", Clearance.CONFIDENTIAL, SHORT)],
    canaries=["q7-Kx93-vv"],
)
TOLD = "night desk in Lódź when the refund"

SAID = {
    "as it is": TOLD,
    "other case, other marks": "The NIGHT desk -- in *Lodz*, when the refund",
    "spaced": " ".join(TOLD),
    "on lines": TOLD.replace(" ", "\n> "),
    "zero width": "\u200b".join(TOLD),
    "letters that look alike": TOLD.replace("e", "\u0435"),
    "full width": "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in TOLD),
    "backwards": TOLD[::-1],
    "rot13": codecs.encode("escalate to the night desk", "rot13"),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 in a sentence": "Here:" + base64.b64encode(SECRET.encode()).decode() + ".",
    "base64 on lines": base64.encodebytes((SECRET * 3).encode()).decode(),
    "base64 for addresses": "x" + base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "hex": SECRET.encode().hex(),
    "hex, spaced": SECRET.encode().hex(" "),
    "as a URL has it": "".join(f"%{each:02X}" for each in SECRET.encode()),
    "in a list": "\n".join(f"{number}. {word}" for number, word in enumerate(TOLD.split(), 1)),
}


@pytest.mark.parametrize("how", SAID)
def test_it_is_found(how: str) -> None:
    assert leaks(f"So, I was told: {SAID[how]} ...", TRACES) == {"rules"}


@pytest.mark.parametrize("how", SAID)
@settings(max_examples=20)
@given(data=st.data())
def test_it_is_found_however_it_is_cut(how: str, data: st.DataObject) -> None:
    text = f"So, I was told: {SAID[how]} ..."
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    listening = Listening(TRACES)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        listening.heard(text[start:end])
    assert listening.found() == {"rules"}


def test_letter_by_letter_it_is_heard_before_all_of_it_is_said() -> None:
    listening = Listening(TRACES)
    heard = [bool(listening.heard(letter)) for letter in SECRET]
    assert 0 < heard.index(True) < len(SECRET) // 2


@pytest.mark.parametrize(
    "text",
    [
        "Escalate to the night watch in Gdansk when the refund is below forty euros",
        "desk night in when",
        "The blue bird has 8 eggs",
        base64.b64encode(bytes(range(256)) * 20).decode(),
        "f" * 100_000,
        "",
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert leaks(text, TRACES) == frozenset()


def test_short_texts_and_nonces_are_found_whole() -> None:
    assert leaks("It is called blue-bird 7!", TRACES) == {"name"}
    assert leaks("see q7kx93VV", TRACES) == {"canary"}
    assert leaks("it is 40", Traces([Trace("n", Clearance.SECRET, "40")])) == frozenset()


def test_scripts_without_spaces() -> None:
    text = (
        "\u9000\u6b3e\u8d85\u8fc7\u56db\u5341\u6b27\u5143\u65f6\u8bf7\u8f6c\u4ea4"
        "\u591c\u73ed\u67dc\u53f0\u5904\u7406\u4e0d\u8981\u544a\u8bc9\u5ba2\u6237"
    )
    traces = Traces([Trace("a", Clearance.SECRET, text)])
    for start in range(4):
        assert leaks(f"ok: {text[start : start + 18]}...", traces) == {"a"}
    assert leaks(f"ok: {text[:8]} {text[20:]}", traces) == frozenset()


def test_what_may_be_said_anyway_is_no_sign() -> None:
    shared = "always answer in the language of the user"
    traces = Traces([Trace("a", Clearance.SECRET, f"Codeword heron. {shared}")], besides=[f"Please {shared}."])
    assert leaks(shared, traces) == frozenset()
    assert leaks("codeword heron. Always answer in", traces) == {"a"}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"content": SECRET}]},
        {"messages": [{"arguments": json.dumps({"a": json.dumps([SECRET])})}]},
        {"file": base64.b64encode(SECRET.encode()).decode()},
        {"properties": {SECRET: {}}},
    ],
)
def test_it_is_found_in_bodies(body: object) -> None:
    for ascii_ in (True, False):
        assert asserted(json.dumps(body, ensure_ascii=ascii_).encode(), TRACES) == {"rules"}


def test_what_is_sent_has_nothing_of_what_is_withheld() -> None:
    outcome = told(asked(f"Be kind. <confidential>{SECRET}</confidential> Be short."), LOWER)
    withheld = Traces(outcome.withheld)
    assert leaks(SECRET, withheld) == {"tag:confidential"}
    sent = [said(part) for turn in outcome.prompt.turns for part in turn.parts]
    assert asserted(json.dumps(sent).encode(), withheld) == frozenset()
    assert outcome.traces == outcome.withheld


def test_what_cannot_be_looked_through_is_not_taken_for_clean() -> None:
    body = json.dumps(["\u0436" * 2_000_000], ensure_ascii=False).encode()
    assert asserted(body, TRACES) == {"unsearched"}


def test_what_is_withheld_and_said_in_other_places_too() -> None:
    shared = "always answer in the language of the user"
    outcome = told(asked(f"So {shared}. <confidential>Heron: {shared}, in the voice of a heron.</confidential>"))
    body = json.dumps([said(outcome.prompt.turns[0].parts[0])]).encode()
    assert asserted(body, Traces(outcome.withheld, (), outcome.spoken)) == frozenset()
    assert asserted(b'["the user, in the voice of a heron"]', Traces(outcome.withheld, (), outcome.spoken))


def test_nothing_looked_for_is_nothing_found() -> None:
    assert not Traces()
    assert leaks(SECRET, Traces()) == frozenset()
    assert Listening(Traces()).heard(SECRET) == frozenset()
    assert "Escalate" not in repr(Trace("a", Clearance.SECRET, SECRET))
