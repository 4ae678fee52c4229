"""What is known of a conversation is looked for in all of it: by whatever it is found, a value is one pseudonym."""

from __future__ import annotations

from typing import Any, Final

import pytest

from policyroute.exchange.redacting import Secrecy
from policyroute.policy.actions import Redact
from policyroute.redact.known import Known, rejected
from policyroute.redact.modes import Mode
from policyroute.redact.pseudonyms import Pseudonyms

ADDRESS: Final = "zoe.quill@mail.example"
RULE: Final = ("pii", Redact(("email",), {}, Mode.PSEUDONYM, known=True, restore=True, in_urls=False))


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def sent(secrecy: Secrecy, text: str) -> str:
    return str(secrecy.body([RULE], said(text))[0]["messages"][0]["content"])


def test_a_value_that_has_a_pseudonym_keeps_it_whatever_finds_it() -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    first = pseudonyms.of("email", ADDRESS)
    assert pseudonyms.of("value", ADDRESS) == pseudonyms.of("customer", ADDRESS) == first
    later = Pseudonyms(b"k" * 32, pseudonyms.values)
    assert later.of("value", ADDRESS) == first and not later.new


def test_where_no_detector_knows_it_a_remembered_value_has_the_same_pseudonym() -> None:
    secrecy = Secrecy(b"h", None, Pseudonyms(b"k" * 32))
    token = sent(secrecy, ADDRESS)
    assert token != ADDRESS
    assert sent(secrecy, f"x{ADDRESS} and {ADDRESS.upper()}").count(token[:6]) == 2
    unknown = Secrecy(b"h", None, Pseudonyms(b"k" * 32, {token: "Zoe Quill"}))
    assert sent(unknown, "To Zoe Quill.") == f"To {token}."


@pytest.mark.parametrize("value", ["no", "7", "--", "€ 5", "", "é!"])
def test_a_remembered_value_that_would_be_found_everywhere_is_not_looked_for(value: str) -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    pseudonyms.of("confidential", value)
    secrecy = Secrecy(b"h", Known({"customer": "Ada Lovelace"}), pseudonyms)
    text = f"I have no 7 words -- é! € 5 for {ADDRESS} and for Ada Lovelace"
    told = sent(secrecy, text)
    assert told.startswith("I have no 7 words -- é! € 5 for ZQ")
    assert "@" not in told and "Lovelace" not in told


def test_what_the_app_calls_a_value_comes_before_its_being_remembered() -> None:
    pseudonyms = Pseudonyms(b"k" * 32, {"ZQAAAACUAAAAAAAQZ": "Ada Lovelace"})
    secrecy = Secrecy(b"h", Known({"customer": "Ada Lovelace"}), pseudonyms)
    _, counts = secrecy.body([RULE], said("Ada Lovelace"))
    assert counts == {"customer": 1}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"customer": "Ada", "no": ["K-1815", "Zoë", "  x 1 y"]}, None),
        ({}, None),
        ({"customer": ["Ada", "Al"]}, "'customer' has fewer than 3"),
        ({"customer": "\u3164\u3164\u3164"}, "'customer' has fewer than 3"),
        ({"customer": [f"person {number}" for number in range(20_001)]}, "more than 20,000"),
    ],
)
def test_values_that_nobody_can_look_for_are_said_to_be_such(values: dict[str, Any], why: str | None) -> None:
    found = rejected(values)
    assert found == why if why is None else why in str(found)
    if why is not None:
        with pytest.raises(ValueError, match=why):
            Known(values)
