"""Pseudonyms: the same for the same, of one conversation, and nobody else's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.exhausted import Exhausted
from policyroute.redact.pseudonyms import TOKEN_LIKE, WIDTH, Pseudonyms, TooMany


@given(st.text(), st.text(min_size=1), st.binary(min_size=1, max_size=32))
def test_a_token_is_plain_and_of_one_length(kind: str, value: str, key: bytes) -> None:
    pseudonyms = Pseudonyms(key)
    token = pseudonyms.of(kind, value)
    assert re.fullmatch(r"ZQ[A-PR-Y]{13}QZ", token)
    assert len(token) == WIDTH
    assert pseudonyms.of(kind, value) == token == Pseudonyms(key).of(kind, value)
    assert pseudonyms.values == {token: value} == pseudonyms.new


def test_it_is_the_same_in_a_later_request_and_only_new_ones_are_new() -> None:
    first = Pseudonyms(b"key")
    token = first.of("email", "alice@example.com")
    later = Pseudonyms(b"key", first.new)
    assert later.of("email", "alice@example.com") == token
    assert later.new == {}
    other = later.of("email", "bob@example.com")
    assert later.new == {other: "bob@example.com"}
    assert later.values == {token: "alice@example.com", other: "bob@example.com"}


def test_values_and_conversations_are_told_apart() -> None:
    kinds = {"a": "email", "A": "email", "b": "email", "1": "phone"}
    tokens = [of.of(kind, value) for of in map(Pseudonyms, (b"ours", b"theirs")) for value, kind in kinds.items()]
    assert len(set(tokens)) == len(tokens)
    assert {token[6:8] for token in tokens} == {"EM", "PH"}


def test_a_value_keeps_its_token_as_whatever_it_is_found_again() -> None:
    pseudonyms = Pseudonyms(b"key")
    assert pseudonyms.of("email", "a") == pseudonyms.of("customer", "a") == Pseudonyms(b"key").of("email", "a")


def test_many_values_have_a_token_each() -> None:
    pseudonyms = Pseudonyms(b"key", most=20_000)
    tokens = {pseudonyms.of("email", f"user{number}@example.com") for number in range(20_000)}
    assert len(tokens) == 20_000


def test_a_token_that_the_request_has_already_is_no_other_values() -> None:
    taken = Pseudonyms(b"key").of("email", "alice@example.com")
    pseudonyms = Pseudonyms(b"key")
    pseudonyms.taken([f"what does {taken} mean?"])
    token = pseudonyms.of("email", "alice@example.com")
    assert token != taken
    assert pseudonyms.of("email", "alice@example.com") == token


def test_there_is_an_end_to_them() -> None:
    pseudonyms = Pseudonyms(b"key", most=2)
    tokens = [pseudonyms.of("email", name) for name in ("a", "b")]
    with pytest.raises(TooMany):
        pseudonyms.of("email", "c")
    assert issubclass(TooMany, Exhausted)
    assert [pseudonyms.of("email", name) for name in ("a", "b")] == tokens
    with pytest.raises(TooMany):
        Pseudonyms(b"key", pseudonyms.values, most=1).of("email", "c")


def test_a_value_with_tokens_in_it_is_what_it_was() -> None:
    pseudonyms = Pseudonyms(b"key")
    inner = pseudonyms.of("email", "alice@example.com")
    outer = pseudonyms.of("url", f"https://{inner}/x")
    assert pseudonyms.values[outer] == "https://alice@example.com/x"
    assert TOKEN_LIKE.findall(f"{inner}{outer}") == [inner, outer]
