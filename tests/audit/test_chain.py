"""Whatever is done to a chain of records, verifying says so, and where; what a crash leaves is not taken for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audit_records import MARKS, a_chain, a_record, placed

from policyroute.audit import Code, Head, Line, Marks, Verified, linked, read, verify
from policyroute.audit.chain import torn

COUNT = 8
LINES, HEAD = a_chain(COUNT)
INDEX = st.integers(0, COUNT - 1)


def checked(lines: Iterable[Line], *heads: Head, marks: Marks = MARKS) -> Verified:
    return verify(HEAD.chain, lines, [marks], heads)


def codes(found: Verified) -> list[Code]:
    return [finding.code for finding in found.findings]


def grave(found: Verified) -> set[Code]:
    return {finding.code for finding in found.findings if finding.grave}


def test_a_chain_as_it_was_written_is_good() -> None:
    found = checked(placed(LINES), HEAD)
    assert (found.good, found.entries, found.records, found.head) == (True, COUNT, COUNT - 1, str(HEAD))
    assert codes(found) == []


def test_anybody_can_check_the_hashes_with_a_shell() -> None:
    for line, follower in pairwise(LINES):
        body = line.split(b',"hash":')[0] + b"}"
        entry = read(follower)
        assert entry is not None
        assert entry.prev == hashlib.sha256(body).hexdigest()


@given(INDEX, st.data())
def test_every_changed_byte_is_found_where_it_is(index: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(LINES[index]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda each: each != LINES[index][at]))
    lines = [*LINES]
    lines[index] = LINES[index][:at] + bytes([byte]) + LINES[index][at + 1 :]
    found = checked(placed(lines))
    assert not found.good
    assert grave(found) <= {Code.CHANGED, Code.FORGED}
    assert [each.place for each in found.findings if each.grave] == [f"a.jsonl:{index + 1}"]


@given(INDEX)
def test_a_removed_entry_is_found(index: int) -> None:
    found = checked(placed([*LINES[:index], *LINES[index + 1 :]]), HEAD)
    [finding] = found.findings
    assert finding.code is (Code.TRUNCATED if index == COUNT - 1 else Code.REMOVED)
    assert (finding.n, finding.until) == (index + 1, index + 1)


@given(INDEX, st.integers(1, COUNT))
def test_a_removed_stretch_is_found(index: int, length: int) -> None:
    rest = [*LINES[:index], *LINES[index + length :]]
    found = checked(placed(rest), HEAD)
    assert grave(found) == {Code.REMOVED if index + length < COUNT else Code.TRUNCATED}
    assert found.findings[0].n == index + 1


@given(INDEX, INDEX)
def test_two_that_are_exchanged_are_found(one: int, other: int) -> None:
    lines = [*LINES]
    lines[one], lines[other] = lines[other], lines[one]
    assert grave(checked(placed(lines), HEAD)) == (set() if one == other else {Code.REORDERED})


@given(st.permutations(range(COUNT)))
def test_any_other_order_is_found(order: list[int]) -> None:
    found = checked(placed([LINES[index] for index in order]), HEAD)
    assert grave(found) == (set() if order == list(range(COUNT)) else {Code.REORDERED})


@given(INDEX, INDEX)
def test_an_entry_that_is_said_twice_is_found(index: int, at: int) -> None:
    lines = [*LINES]
    lines.insert(at, LINES[index])
    found = checked(placed(lines), HEAD)
    assert grave(found) & {Code.DUPLICATED, Code.REORDERED}


@given(INDEX, INDEX, st.binary(max_size=20))
def test_a_line_that_was_put_between_is_found(index: int, at: int, text: bytes) -> None:
    stranger, _ = a_chain(COUNT, chain="j1-0b")
    for line in (text.replace(b"\n", b""), stranger[index]):
        lines = [*LINES]
        lines.insert(at, line)
        assert grave(checked(placed(lines), HEAD)) in ({Code.CHANGED}, {Code.FOREIGN})


@given(INDEX)
def test_who_makes_all_hashes_anew_lacks_the_seal(index: int) -> None:
    """Entries from `index` on are another's, with hashes that fit."""
    forged = [*LINES[:index]]
    entry = read(LINES[index])
    assert entry is not None
    head = Head(HEAD.chain, index, entry.prev)
    for line in LINES[index:]:
        original = read(line)
        assert original is not None
        data, head = linked(head, "record", a_record(99).as_json(), Marks(b"guess"), original.time)
        forged.append(data.replace(Marks(b"guess").id.encode(), MARKS.id.encode()))
    assert grave(checked(placed(forged))) == {Code.CHANGED}
    resealed = [*forged[:index], *_hashed(forged[index:], entry.prev)]
    assert grave(checked(placed(resealed))) == {Code.FORGED}


def _hashed(lines: Iterable[bytes], prev: str) -> Iterable[bytes]:
    for line in lines:
        body, _, ending = line.partition(b',"hash":"')
        old = body.partition(b'"prev":"')[2][:64]
        body = body.replace(old, prev.encode())
        prev = hashlib.sha256(body + b"}").hexdigest()
        yield body + b',"hash":"' + prev.encode() + ending[64:]


def test_an_end_that_was_made_anew_with_the_key_is_found_by_a_head() -> None:
    other, _ = a_chain(COUNT - 1)
    again, _ = linked(_head(other), "record", a_record(50).as_json(), MARKS, 0.0)
    assert grave(checked(placed([*other, again]))) == set()
    assert grave(checked(placed([*other, again]), HEAD)) == {Code.REWRITTEN}


def test_one_that_does_not_follow_is_found() -> None:
    line, head = linked(Head(HEAD.chain, 3, "f" * 64), "record", {}, MARKS, 0.0)
    found = checked(placed([*LINES[:3], line]), head)
    assert [(each.code, each.n) for each in found.findings] == [(Code.UNLINKED, 4)]


def _head(lines: list[bytes]) -> Head:
    entry = read(lines[-1])
    assert entry is not None
    return entry.head


def test_without_a_head_it_says_that_nobody_knows_the_end() -> None:
    found = checked(placed(LINES[:-2]))
    assert codes(found) == [Code.OPEN_END]
    assert found.good


@given(st.integers(1, len(LINES[-1]) - 1))
def test_half_a_line_at_the_end_is_a_crash(length: int) -> None:
    rest = Line("a.jsonl:8", LINES[-1][:length], whole=False)
    found = checked([*placed(LINES[:-1]), rest], _head(LINES[:-1]))
    assert codes(found) == [Code.TORN]
    assert found.good
    assert grave(checked([*placed(LINES[:-1]), rest], HEAD)) == {Code.TRUNCATED}


@given(st.integers(1, len(LINES[-1]) - 1))
def test_who_goes_on_after_a_crash_says_so_and_nobody_else_can(length: int) -> None:
    rest = LINES[-1][:length]
    again, head = linked(_head(LINES[:-1]), "restart", {"torn": torn(rest)}, MARKS, 0.0)
    after, head = linked(head, "record", a_record(7).as_json(), MARKS, 0.0)
    found = checked(placed([*LINES[:-1], rest, again, after]), head)
    assert codes(found) == [Code.TORN, Code.RESTARTED]
    assert found.good
    assert grave(checked(placed([*LINES[:-1], rest + b" ", again, after]), head)) == {Code.CHANGED}


def test_a_key_that_is_not_here_is_said_and_hashes_are_checked_all_the_same() -> None:
    later, head = linked(HEAD, "restart", {}, Marks(b"new"), 0.0)
    lines = [*LINES, later]
    found = checked(placed(lines), head, marks=Marks(b"new"))
    assert codes(found) == [Code.RESTARTED, Code.UNSEALED]
    assert verify(HEAD.chain, placed(lines), [MARKS, Marks(b"new")], [head]).good
    changed = [lines[0], lines[1].replace(b"acme", b"evil"), *lines[2:]]
    assert Code.CHANGED in grave(checked(placed(changed), head, marks=Marks(b"new")))


def test_what_the_gateway_deleted_itself_is_a_note() -> None:
    line, head = linked(HEAD, "forget", {"through": 4}, MARKS, 0.0)
    found = checked(placed([*LINES[4:], line]), head)
    assert codes(found) == [Code.FORGOTTEN]
    assert grave(checked(placed([*LINES[5:], line]), head)) == {Code.REMOVED}


def test_a_chain_that_is_gone_is_truncated() -> None:
    assert grave(checked([], HEAD)) == {Code.TRUNCATED}
    assert checked([]).good


def test_findings_are_listed_up_to_a_number_and_none_is_forgotten() -> None:
    found = checked(placed([b"x"] * 3000), HEAD)
    assert not found.good
    assert len(found.findings) + found.more == 3001


@settings(max_examples=50)
@given(st.text(max_size=100))
def test_a_head_is_one_word(text: str) -> None:
    assert Head.of(f" {HEAD}\n") == HEAD
    with pytest.raises(ValueError, match="not a head"):
        Head.of(text)
