"""`policyroute audit`: a conversation is found by its id, and verifying has the exit status of what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.support.audit_records import a_record
from tests.support.auditing import KEY, auditing

from policyroute.audit import Marks
from policyroute.policy.audits import To
from policyroute_asgi import durably
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.settings import KEY_FILE, Settings

Run = Callable[..., tuple[int, str, str]]


def recorded(folder: Path, to: To) -> Path:
    """A state directory with two attempts of one conversation, and others' around them."""
    durably.once(folder / KEY_FILE, KEY + b"\n")

    async def write() -> None:
        async with auditing(Settings(folder / "audit", KEY, to)) as auditor:
            for record in (a_record(1, "other"), a_record(1), a_record(2), a_record(1, None)):
                await auditor.written(record)
            mark = Marks(KEY).conversation("evil", "c")
            await auditor.written(replace(a_record(3), tenant="evil", conversation=mark))

    anyio.run(write)
    return folder


@pytest.fixture(params=["jsonl", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return recorded(tmp_path / "state", request.param)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """The one file of JSON lines in a state directory."""
    [found] = (recorded(tmp_path / "state", "jsonl") / "audit").glob("*.jsonl")
    return found


@pytest.mark.parametrize("action", ["show", "verify"])
def test_help_has_an_example(action: str, run: Run) -> None:
    status, out, _ = run("audit", action, "--help")
    assert status == 0
    assert f"policyroute audit {action}" in out.split("example:")[1]


def test_show_tells_what_went_where_and_what_stayed(state: Path, run: Run) -> None:
    status, out, err = run("audit", "show", "c", "--tenant", "acme", "--state-dir", state)
    assert (status, err) == (0, "")
    rows = [line for line in out.splitlines() if line.startswith("2023-")]
    assert len(rows) == 2
    assert "gpt at openai (us, internal)" in rows[0] and "900 of 900" in rows[0]
    assert "eu at frankfurt (eu, confidential) *" in rows[1] and "rate_limited 429" in rows[1]
    assert "dropped: system, confidential, 200 bytes (scrub-eu)" in out
    assert "openai: internal 900" in out
    assert "evil" not in out


def test_show_without_a_tenant_is_of_all(state: Path, run: Run) -> None:
    status, out, _ = run("audit", "show", "c", "--state-dir", state, "--format", "json")
    assert status == 0
    assert [each["tenant"] for each in json.loads(out)["records"]] == ["acme", "acme", "evil"]


def test_show_of_what_is_not_there(state: Path, run: Run, tmp_path: Path) -> None:
    assert run("audit", "show", "d", "--state-dir", state)[0] == 1
    (tmp_path / "key").write_text("another key than the one in force")
    status, out, err = run("audit", "show", "c", "--audit", state / "audit", "--key-file", tmp_path / "key")
    assert (status, out) == (1, "")
    assert "no record" in err


def test_a_key_may_be_in_a_variable(state: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", KEY.decode())
    assert run("audit", "show", "c", "--audit", state / "audit", "--key-env", "AUDIT_KEY")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("show", "c"),
        ("show",),
        ("verify",),
        ("verify", "--state-dir", "nowhere"),
        ("verify", "--audit", ".", "--head", "x"),
        ("verify", "--audit", ".", "--heads", "nowhere"),
        ("verify", "--audit", ".", "--key-file", "nowhere"),
        ("verify", "--audit", ".", "--key-env", "NOT_SET_ANYWHERE"),
        ("show", "c", "--audit", "."),
    ],
)
def test_misuse_is_status_2(words: tuple[str, ...], run: Run) -> None:
    status, out, err = run("audit", *words)
    assert (status, out) == (2, "")
    assert err


def test_verify_of_good_records(state: Path, run: Run) -> None:
    status, out, err = run("audit", "verify", "--state-dir", state)
    assert (status, err) == (0, "")
    assert "good: 5 records in 6 entries" in out
    assert json.loads(run("audit", "verify", "--state-dir", state, "--format", "json")[1])["good"]


def key_and_place(lines: Path) -> tuple[object, ...]:
    return "--state-dir", lines.parents[1]


def test_verify_says_what_was_changed_and_where(lines: Path, run: Run) -> None:
    written = lines.read_bytes().splitlines(keepends=True)
    written[2] = written[2].replace(b"acme", b"evil")
    lines.write_bytes(b"".join(written))
    status, out, _ = run("audit", "verify", *key_and_place(lines))
    assert status == 1
    assert f"changed entry 3, {lines.name}:3" in out


def test_verify_finds_an_end_that_was_cut_off_by_a_head_in_a_log(lines: Path, run: Run, tmp_path: Path) -> None:
    [head] = stored.heads(lines.parent)
    (lines.parent / "j1.head").unlink()
    lines.write_bytes(b"".join(lines.read_bytes().splitlines(keepends=True)[:-1]))
    status, out, _ = run("audit", "verify", *key_and_place(lines))
    assert status == 0
    assert "open_end" in out
    (tmp_path / "log").write_text(f"2026-01-01 INFO audit head {head}\n")
    for option, value in (("--head", head), ("--heads", tmp_path / "log")):
        status, out, _ = run("audit", "verify", *key_and_place(lines), option, value)
        assert status == 1
        assert "truncated entry 6" in out


def test_verify_of_nothing_is_not_good(tmp_path: Path, run: Run) -> None:
    status, _, err = run("audit", "verify", "--audit", tmp_path)
    assert status == 1
    assert "no records" in err


def test_verify_misses_a_chain_of_which_only_the_head_is_left(lines: Path, run: Run) -> None:
    lines.unlink()
    status, out, _ = run("audit", "verify", *key_and_place(lines))
    assert status == 1
    assert "truncated entries 1 to 6" in out
