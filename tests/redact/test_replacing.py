"""What rules look for is in none of the bytes that are sent, wherever it stood, and all else is as it was."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.finding import Plain

from policyroute.exhausted import Exhausted
from policyroute.redact.detector import Detector
from policyroute.redact.known import Known
from policyroute.redact.modes import Blocked, Mode, Rule
from policyroute.redact.pseudonyms import Pseudonyms
from policyroute.redact.replacing import Redaction
from policyroute.redact.restoring import restored

BODIES = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "bodies").glob("*.json")}
MAIL, CARD, JANE = "alice@example.com", "4111 1111 1111 1111", "Jane Roe"
KNOWN = Known({"customer": [JANE]})
MODES = [Mode.MASK, Mode.HASH, Mode.REMOVE, Mode.PSEUDONYM]

Path_ = tuple[str | int, ...]


def redaction(mode: Mode = Mode.MASK, pseudonyms: Pseudonyms | None = None, *kinds: str) -> Redaction:
    return Redaction([Rule("r", Plain(*kinds), mode)], KNOWN, pseudonyms or Pseudonyms(b"conversation"), b"key")


def inside(value: Any) -> list[tuple[Any, Any]]:
    """What is in an object, by its names, or in an array, by its places."""
    whole: Any = value
    if isinstance(value, dict):
        return list(whole.items())
    listed: list[Any] = whole if isinstance(value, list) else []
    return list(enumerate(listed))


def leaves(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    if isinstance(value, str):
        yield at
    for step, inner in inside(value):
        yield from leaves(inner, (*at, step))


def put(body: Any, at: Path_, value: Any) -> Any:
    """The body with another value there."""
    if not at:
        return value
    body = copy.copy(body)
    body[at[0]] = put(body[at[0]] if at[1:] else None, at[1:], value)
    return body


def got(body: Any, at: Path_) -> Any:
    for step in at:
        body = body[step]
    return body


def seen(value: Any) -> str:
    """All that a provider could read in a body, in whatever spelling it stands there."""
    if not isinstance(value, str):
        return "\n".join(seen(each) for pair in inside(value) for each in pair) or str(value)
    found = [value, unquote(value)]
    try:
        inner = json.loads(value)
        found.append(seen(inner) if inner != value else "")
    except ValueError:
        pass
    try:
        text = base64.b64decode(value.partition("base64,")[2] or value, validate=True).decode()
        found.append(seen(text))
    except ValueError:
        pass
    return "\n".join(found)


def dressed(text: str) -> Iterator[str]:
    """A value as it may stand in a text."""
    coded = base64.b64encode(f"To {MAIL}.".encode()).decode()
    yield f"{text} to {MAIL} and {JANE}"
    yield json.dumps({"to": MAIL, "n": json.dumps([f"so {MAIL}"])})
    yield json.dumps({"to": MAIL}).replace("@", "\\u0040")
    yield coded
    yield f"data:text/plain;base64,{coded}"
    yield f"data:text/plain,To%20{MAIL.replace('@', '%40')}"
    yield base64.b64encode(json.dumps({"to": MAIL}).replace("@", "\\u0040").encode()).decode()


@pytest.mark.parametrize("name", BODIES)
def test_no_leaf_hides_a_value(name: str) -> None:
    body = BODIES[name]
    places = list(leaves(body))
    for texts in zip(*(dressed(got(body, at)) for at in places), strict=True):
        sent = body
        for at, text in zip(places, texts, strict=True):
            sent = put(sent, at, text)
        found = redaction().body(sent)
        for at in places:
            told = seen(got(found, at))
            assert MAIL not in told, at
            assert JANE not in told, at


@pytest.mark.parametrize("name", BODIES)
def test_what_stands_beside_a_value_stays(name: str) -> None:
    body = BODIES[name]
    for at in leaves(body):
        found = redaction().body(put(body, at, f"{got(body, at)} {MAIL}"))
        assert put(found, at, "") == put(body, at, ""), at


@pytest.mark.parametrize("name", BODIES)
def test_a_body_in_which_nothing_is_found_is_the_same_object(name: str) -> None:
    assert redaction().body(BODIES[name]) is BODIES[name]


def objects(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    if isinstance(value, dict):
        yield at
    for step, inner in inside(value):
        yield from objects(inner, (*at, step))


@pytest.mark.parametrize("name", BODIES)
def test_no_key_hides_a_value(name: str) -> None:
    body = BODIES[name]
    for at in objects(body):
        found = redaction().body(put({"": body}, ("", *at, MAIL), {"x": MAIL})[""] if at else {**body, MAIL: MAIL})
        assert MAIL not in seen(found), at


@pytest.mark.parametrize(
    "much",
    [
        {"metadata": {str(number): number for number in range(310_000)}},
        {"input": json.dumps(["x"] * 410_000)},
        {"messages": [{"content": f"text {number}"} for number in range(21_000)]},
    ],
    ids=["values", "the same text", "texts"],
)
def test_too_much_is_refused(much: dict[str, Any]) -> None:
    class Looking(Plain):
        def find(self, text: str, known: Known | None = None) -> list[Any]:
            return []

    with pytest.raises(Exhausted):
        Redaction([Rule("r", Looking(), Mode.MASK)], None, None, b"key").body(much)


def test_numbers_of_a_clients_making() -> None:
    number = 4111111111111111
    body = {
        "created": number,
        "messages": [{"tool_calls": [{"function": {"arguments": json.dumps({"card": number, "n": 12, "x": [-1.5]})}}]}],
        "content": [{"input": {"card": number, "float": float(number), "flag": True}}],
        "tools": [{"parameters": {"properties": {"card": {"type": "integer", "default": number, "maximum": number}}}}],
    }
    found = redaction().body(body)
    assert json.loads(found["messages"][0]["tool_calls"][0]["function"]["arguments"]) == {
        "card": "[CARD]",
        "n": 12,
        "x": [-1.5],
    }
    assert found["content"][0]["input"] == {"card": "[CARD]", "float": "[CARD]", "flag": True}
    assert found["tools"][0]["parameters"]["properties"]["card"]["default"] == "[CARD]"
    assert found["created"] == number
    assert redaction().body({"x_made_up": {"seed": 1, "who": number}})["x_made_up"]["who"] == "[CARD]"


def test_only_what_was_found_changes_in_a_json_text() -> None:
    text = f'{{ "a" :  1.0, "b\\u0062": "x\\u0079/\\/", "to":"{MAIL}", "é": [1e5 , null] }}'
    found = redaction().body({"arguments": text})["arguments"]
    assert found == text.replace(MAIL, "[EMAIL]")


def test_half_a_surrogate_pair_is_a_character_like_any_other() -> None:
    half = "\ud83d"
    arguments = json.dumps({"x": f"{half} {MAIL}"})
    found = redaction(Mode.PSEUDONYM).body({"content": f"{half} {MAIL}", "arguments": arguments})
    assert found["content"].startswith(f"{half} ZQ")
    assert json.loads(found["arguments"])["x"] == found["content"]
    assert redaction(Mode.HASH).text(f"{MAIL}{half}") == redaction(Mode.HASH).text(MAIL) + half


def test_a_schema_fits_what_is_sent_with_it() -> None:
    schema = {
        "type": "object",
        "properties": {MAIL: {"enum": [MAIL, "bob@example.com"], "default": MAIL}, "plain": {"type": "string"}},
        "required": [MAIL, "plain"],
    }
    body = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "messages": [{"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({MAIL: "x"})}}]}],
    }
    for mode in MODES:
        found = redaction(mode).body(body)
        told = found["tools"][0]["function"]["parameters"]
        assert list(told["properties"]) == told["required"]
        values = told["properties"][told["required"][0]]
        assert len(set(values["enum"])) == 2
        assert values["default"] == values["enum"][0]
        arguments = json.loads(found["messages"][0]["tool_calls"][0]["function"]["arguments"])
        assert list(arguments) == told["required"][:1]
        assert all(character.isalnum() or character == "_" for character in told["required"][0])


def test_ids_stay_pairs_and_stay_apart() -> None:
    ids = [f"call_{MAIL}", "call_bob@example.org"]
    body = {
        "messages": [
            {"role": "assistant", "tool_calls": [{"id": each, "type": "function"} for each in ids]},
            *({"role": "tool", "tool_call_id": each, "content": "x"} for each in ids),
        ]
    }
    for mode in MODES:
        found = redaction(mode).body(body)["messages"]
        told = [call["id"] for call in found[0]["tool_calls"]]
        assert told == [message["tool_call_id"] for message in found[1:]]
        assert len(set(told)) == 2


def test_two_keys_that_become_one_stay_two() -> None:
    found = redaction().body({"arguments": {f"{MAIL}": 1, f"_{MAIL}": 2}})["arguments"]
    assert sorted(found.values()) == [1, 2]


PIECES = [MAIL, CARD, JANE, "bob@example.org", "and", "\n", "[EMAIL]", "EMAIL_", "é😀", "ZQ", "4111", '"']
TEXTS = st.lists(st.sampled_from(PIECES)).map(" ".join)


@given(TEXTS, st.sampled_from(MODES))
def test_done_again_it_changes_nothing_and_is_always_the_same(text: str, mode: Mode) -> None:
    pseudonyms = Pseudonyms(b"conversation")
    found = redaction(mode, pseudonyms).text(text)
    assert redaction(mode, pseudonyms).text(found) == found
    assert redaction(mode).text(text) == found
    assert all(value not in found for value in (MAIL, CARD, JANE))
    body = {"messages": [{"content": text}, {"content": json.dumps({text: [text]})}]}
    once = redaction(mode, pseudonyms).body(body)
    assert redaction(mode, pseudonyms).body(once) is once


@given(TEXTS)
def test_what_has_pseudonyms_is_given_back(text: str) -> None:
    pseudonyms = Pseudonyms(b"conversation")
    found = redaction(Mode.PSEUDONYM, pseudonyms).text(text)
    assert restored({"content": found}, pseudonyms)["content"] == text


@pytest.mark.parametrize("name", BODIES)
def test_what_has_pseudonyms_is_given_back_wherever_it_stood(name: str) -> None:
    body = BODIES[name]
    for at in leaves(body):
        sent = put(body, at, f'{got(body, at)} to {MAIL} "and" {JANE}')
        pseudonyms = Pseudonyms(b"conversation")
        found = redaction(Mode.PSEUDONYM, pseudonyms).body(sent)
        assert restored(found, pseudonyms, in_urls=True) == sent


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ((Mode.MASK, Mode.HASH), "[EMAIL]"),
        ((Mode.HASH, Mode.MASK), "[EMAIL]"),
        ((Mode.PSEUDONYM, Mode.MASK), "[EMAIL]"),
        ((Mode.MASK, Mode.REMOVE), ""),
    ],
)
def test_the_stricter_mode_wins(modes: tuple[Mode, ...], expected: str) -> None:
    rules = [Rule(f"r{place}", Plain(), mode) for place, mode in enumerate(modes)]
    both = Redaction(rules, None, Pseudonyms(b"k"), b"key")
    assert both.text(f"To {MAIL}.") == f"To {expected}."
    assert both.counts == {"email": 1}


def test_no_message_says_nothing() -> None:
    body = {"messages": [{"content": [{"type": "text", "text": f" {MAIL}"}]}], "metadata": {"who": MAIL, "x": ""}}
    found = redaction(Mode.REMOVE).body(body)
    assert found["messages"][0]["content"][0]["text"] == "[REMOVED]"
    assert found["metadata"] == {"who": "", "x": ""}
    assert redaction(Mode.REMOVE).body(found) is found


def test_every_rule_holds_and_what_overlaps_is_one() -> None:
    rules = [Rule("cards", Plain("card"), Mode.REMOVE, known=False), Rule("people", Plain("email"), Mode.MASK)]
    known = Known({"customer": ["1111 bob@example.org"]})
    both = Redaction(rules, known, None, b"key")
    assert both.text(f"{MAIL}, {CARD}; {CARD} bob@example.org!") == "[EMAIL], ; !"
    assert both.reach == 140


def test_known_values_are_only_for_rules_that_have_them() -> None:
    rule = Rule("r", Plain("email"), Mode.MASK, known=False)
    assert Redaction([rule], KNOWN, None, b"key").text(f"{JANE} {MAIL}") == f"{JANE} [EMAIL]"


def test_hashes_are_of_the_key() -> None:
    one = Redaction([Rule("r", Plain(), Mode.HASH)], None, None, b"one").text(MAIL)
    other = Redaction([Rule("r", Plain(), Mode.HASH)], None, None, b"other").text(MAIL)
    assert one.startswith("EMAIL_")
    assert one != other


def test_what_blocks_says_where_and_not_what() -> None:
    body = {"messages": [{"content": "x"}, {"content": [{"text": f"To {MAIL}"}]}], "metadata": {JANE: "x"}}
    blocking = redaction(Mode.BLOCK)
    with pytest.raises(Blocked) as blocked:
        blocking.body(body)
    assert (blocked.value.rule, blocked.value.kind, blocked.value.place) == (
        "r",
        "email",
        "messages[1].content[0].text",
    )
    assert MAIL not in str(blocked.value)
    del body["messages"]
    with pytest.raises(Blocked) as blocked:
        blocking.body(body)
    assert blocked.value.place == "metadata.*"


def test_what_cannot_be_looked_through_is_refused() -> None:
    with pytest.raises(Exhausted):
        redaction().body({"messages": [{"content": "so ENDLESS"}]})
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    with pytest.raises(Exhausted):
        redaction().body({"input": deep})
    for _ in range(12):
        deep = json.dumps({"x": deep if isinstance(deep, str) else "x"})
    with pytest.raises(Exhausted):
        redaction().body({"input": deep})


def test_a_rule_with_pseudonyms_needs_a_conversation() -> None:
    with pytest.raises(ValueError, match="pseudonyms"):
        Redaction([Rule("r", Plain(), Mode.PSEUDONYM)], None, None, b"key")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "latin-1"])
def test_files_of_text_are_read_in_their_encoding(codec: str) -> None:
    text = f"Zürich, der 3. März: {MAIL}\n" * 300
    coded = base64.b64encode(text.encode(codec)).decode()
    found = redaction().body({"file_data": coded})["file_data"]
    assert base64.b64decode(found).decode(codec) == text.replace(MAIL, "[EMAIL]")


def test_what_is_no_text_is_not_read() -> None:
    class Watching(Plain):
        def find(self, text: str, known: Known | None = None) -> list[Any]:
            assert len(text) < 1000
            return super().find(text, known)

    picture = base64.b64encode(bytes(range(256)) * 100).decode()
    body = {"data": picture, "image_url": {"url": f"data:image/png;base64,{picture}"}, "file_data": picture}
    assert Redaction([Rule("r", Watching(), Mode.MASK)], None, None, b"key").body(body) is body


@pytest.mark.parametrize("key", ["content", "file_data"])
def test_a_list_of_words_is_no_file(key: str) -> None:
    """Each letter of it may be base64's; what that is of is no text."""
    names = [f"Alice{number}\n+4420794{number:05d}" for number in range(60)]
    rules = [Rule("r", Detector(["phone"]), Mode.MASK)]
    told = Redaction(rules, None, None, b"key").body({"messages": [{key: "\n".join(names)}]})
    assert told["messages"][0][key].split("\n")[1::2] == ["[PHONE]"] * 60


@pytest.mark.parametrize("line", [64, 76])
def test_lines_of_base64_are_a_file(line: int) -> None:
    picture = base64.b64encode(bytes(range(256)) * 100).decode()
    body = {"data": "\r\n".join(picture[at : at + line] for at in range(0, len(picture), line))}
    unread = Plain(endless=picture[:20])
    assert Redaction([Rule("r", unread, Mode.MASK)], None, None, b"key").body(body) is body
