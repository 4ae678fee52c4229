"""A record is what it was after it was written, and says nothing that somebody could look up."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit_records import MARKS, a_record

from policyroute.audit import AuditRecord, Marks


@pytest.mark.parametrize("number", [1, 2])
def test_what_was_written_is_read_as_it_was(number: int) -> None:
    record = a_record(number)
    assert AuditRecord.of_json(orjson.loads(orjson.dumps(record.as_json()))) == record


def test_the_words_of_the_page_are_the_keys() -> None:
    written = a_record(2).as_json()
    assert written["from"] == {"provider": "openai", "region": "us", "clearance": "internal"}
    assert written["to"]["target"] == "eu"
    assert written["cause"] == {"kind": "rate_limited", "status": 429, "code": "rate_limit_exceeded"}
    assert written["before"]["by_role"]["system"] == {"bytes": 500, "tokens": 125}
    assert "sender" not in written


def test_what_a_later_release_says_beside_is_left_out() -> None:
    assert AuditRecord.of_json({**a_record().as_json(), "colour": "red"}) == a_record()


@pytest.mark.parametrize("value", [None, [], {}, {"id": 1}, {**a_record().as_json(), "to": "eu"}])
def test_what_is_no_record_is_said_to_be_none_and_not_shown(value: Any) -> None:
    with pytest.raises(ValueError, match="no audit record") as raised:
        AuditRecord.of_json(value)
    assert "acme" not in str(raised.value)


@given(st.text(), st.text())
def test_a_mark_is_no_hash_that_can_be_looked_up(tenant: str, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    bare = hashlib.sha256(data).hexdigest()[:32]
    found = {MARKS.text(text), MARKS.body(data), MARKS.conversation(tenant, text)}
    assert len(found) == 3
    assert bare not in found
    assert MARKS.text(text) != Marks(b"another").text(text)
    assert MARKS.text(text) == Marks(b"k" * 32).text(text)


def test_a_conversation_is_a_tenants() -> None:
    assert MARKS.conversation("a", "bc") != MARKS.conversation("ab", "c")
    assert MARKS.conversation("a", "c") != MARKS.conversation("b", "c")
