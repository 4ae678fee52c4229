"""A record is on the disk before its attempt goes on, or the attempt is refused; a chain goes on after an end."""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.audit_records import a_record
from tests.support.auditing import KEY, auditing, codes, findings, verified

from policyroute.audit import Code, Marks
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.auditor import UNWRITABLE, Auditor, Unwritable
from policyroute_asgi.audit.settings import Settings

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from tests.support.audit_records import a_record
from tests.support.auditing import KEY, auditing
from policyroute_asgi.audit.settings import Settings

async def main(folder, to):
    async with auditing(Settings(Path(folder), KEY, to)) as auditor:
        for n in range(1_000_000):
            assert await auditor.written(replace(a_record(), attempt=n)) is None
            print(n, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(params=["jsonl", "sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(tmp_path / "audit", KEY, request.param)


def child(settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(settings.directory), settings.to],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@contextmanager
def full(room: int) -> Generator[None]:
    """Stands for a disk without room: a write stops in the middle of whatever file would be larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def attempts(settings: Settings) -> list[int]:
    return [each.record.attempt for each in stored.records(settings.directory)]


def named(folder: Path, pattern: str = "*.jsonl") -> list[Path]:
    return sorted(folder.glob(pattern))


async def test_what_was_written_is_there_at_once_and_good(settings: Settings) -> None:
    async with auditing(settings) as auditor:
        for number in (1, 2):
            assert await auditor.written(a_record(number)) is None
            assert attempts(settings) == [*range(1, number + 1)]
    [found] = verified(settings.directory)
    assert (found.good, found.records, [*found.findings]) == (True, 2, [])
    assert {path.stat().st_mode & 0o077 for path in named(settings.directory, "*")} == {0}
    [_, second] = stored.of_conversation(settings.directory, "c", None, [Marks(KEY)])
    assert second.record == a_record(2)


async def test_half_a_character_in_an_id_loses_no_record(settings: Settings) -> None:
    async with auditing(settings) as auditor:
        assert await auditor.written(replace(a_record(), request_id="a\ud800b")) is None
    [found] = stored.records(settings.directory)
    assert found.record.request_id == "a?b"
    assert codes(settings.directory) == []


async def test_many_at_once_are_one_chain(settings: Settings) -> None:
    async with auditing(settings) as auditor:
        done = await asyncio.gather(*(auditor.written(replace(a_record(), attempt=n)) for n in range(700)))
    assert set(done) == {None}
    assert sorted(attempts(settings)) == [*range(700)]
    assert codes(settings.directory) == []


async def test_without_a_section_nothing_is_done(tmp_path: Path) -> None:
    async with auditing(None) as auditor:
        assert not auditor.active
        assert await auditor.written(a_record()) is None
    assert named(tmp_path, "*") == []


async def test_who_comes_next_goes_on_with_the_chain(settings: Settings) -> None:
    for _ in range(3):
        async with auditing(settings) as auditor:
            assert await auditor.written(a_record()) is None
    [found] = verified(settings.directory)
    assert (found.good, found.entries, found.records) == (True, 6, 3)
    assert {each.code for each in found.findings} == {Code.RESTARTED}


async def test_each_process_has_a_chain_of_its_own(settings: Settings) -> None:
    async with auditing(settings) as one, auditing(settings) as other:
        await asyncio.gather(*(each.written(a_record()) for each in (one, other) for _ in range(20)))
    found = verified(settings.directory)
    assert [(each.records, each.good, each.findings) for each in found] == [(20, True, []), (20, True, [])]


async def test_what_was_acknowledged_survives_a_kill(settings: Settings) -> None:
    process = child(settings)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 50:
            process.send_signal(signal.SIGKILL)
            break
    last = [int(line) for line in process.stdout.read().split() or ["50"]][-1]
    process.wait()
    process.stdout.close()
    async with auditing(settings) as auditor:
        assert await auditor.written(replace(a_record(), attempt=-1)) is None
    seen = attempts(settings)
    assert seen[: last + 1] == [*range(last + 1)]
    assert seen[-1] == -1
    assert findings(settings.directory) == []


async def test_a_disk_without_room_refuses_and_leaves_nothing_half(settings: Settings) -> None:
    async with auditing(settings) as auditor:
        written = 0
        with full(200_000):
            while (failure := await auditor.written(replace(a_record(), attempt=written))) is None:
                written += 1
            assert failure.code == "audit_unwritable"
        for number in range(written, written + 3):
            assert await auditor.written(replace(a_record(), attempt=number)) is None
    assert written > 10
    assert attempts(settings) == [*range(written + 3)]
    assert codes(settings.directory) == []


@pytest.mark.parametrize("length", [1, 40, 400, -1])
async def test_half_a_line_stays_and_is_accounted_for(tmp_path: Path, length: int) -> None:
    settings = Settings(tmp_path, KEY)
    async with auditing(settings) as auditor:
        await auditor.written(a_record(1))
        [path] = named(tmp_path)
        before = path.read_bytes()
        await auditor.written(a_record(2))
        whole = path.read_bytes()
    (tmp_path / "j1.head").unlink()
    path.write_bytes(whole[: len(before) + length] if length > 0 else whole[:-1])
    async with auditing(settings) as auditor:
        await auditor.written(a_record(2))
    assert codes(tmp_path) == ([Code.TORN, Code.RESTARTED] if length > 0 else [Code.RESTARTED])
    assert path.read_bytes().startswith(whole[: len(before) + length] if length > 0 else whole)


async def test_files_are_rotated_and_verified_as_one(tmp_path: Path) -> None:
    settings = Settings(tmp_path, KEY, rotate=16 << 10)
    async with auditing(settings) as auditor:
        for number in range(60):
            assert await auditor.written(replace(a_record(), attempt=number)) is None
    paths = named(tmp_path)
    assert len(paths) > 3
    assert max(path.stat().st_size for path in paths) <= settings.rotate
    assert attempts(settings) == [*range(60)]
    assert codes(tmp_path) == []
    paths[1].unlink()
    assert [each.code for each in findings(tmp_path)] == [Code.REMOVED]


async def test_files_that_are_too_many_go_and_the_chain_says_so(tmp_path: Path) -> None:
    settings = Settings(tmp_path, KEY, rotate=16 << 10, keep=2)
    async with auditing(settings) as auditor:
        for number in range(100):
            assert await auditor.written(replace(a_record(), attempt=number)) is None
    assert len(named(tmp_path)) == 2
    assert codes(tmp_path) == [Code.FORGOTTEN]
    named(tmp_path)[0].unlink()
    assert [each.code for each in findings(tmp_path)] == [Code.REMOVED]


async def test_who_takes_the_file_away_is_found(settings: Settings) -> None:
    async with auditing(settings) as auditor:
        await auditor.written(a_record(1))
        shutil.rmtree(settings.directory)
        assert await auditor.written(a_record(2)) is None
        assert await auditor.written(a_record(2)) is None
    [finding] = findings(settings.directory)
    assert (finding.code, finding.n, finding.until) == (Code.REMOVED, 1, 2)


async def test_a_line_of_another_chain_is_not_gone_on_from(tmp_path: Path) -> None:
    settings, other = Settings(tmp_path / "ours", KEY), Settings(tmp_path / "others", KEY)
    for each in (settings, other):
        async with auditing(each) as auditor:
            await auditor.written(a_record(1))
    [ours], [others] = named(settings.directory), named(other.directory)
    ours.write_bytes(ours.read_bytes() + others.read_bytes())
    (settings.directory / "j1.head").unlink()
    async with auditing(settings) as auditor:
        await auditor.written(a_record(2))
    assert {each.code for each in findings(settings.directory)} == {Code.FOREIGN}
    assert attempts(settings) == [1, 1, 2]


@pytest.mark.parametrize("what", ["end", "all"])
async def test_an_end_that_was_cut_off_is_found_also_after_a_restart(settings: Settings, what: str) -> None:
    async with auditing(settings) as auditor:
        for number in (1, 2):
            await auditor.written(a_record(number))
    _cut(settings, everything=what == "all")
    if what == "end":
        assert [each.code for each in findings(settings.directory)] == [Code.TRUNCATED]
    async with auditing(settings) as auditor:
        await auditor.written(a_record(1))
    assert [each.code for each in findings(settings.directory)] == [Code.REMOVED]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE entries SET line = replace(line, 'acme', 'evil') WHERE n = 2", Code.CHANGED),
        ("UPDATE entries SET line = CAST(x'ff' AS TEXT) WHERE n = 3", Code.CHANGED),
        ("UPDATE entries SET n = CASE n WHEN 2 THEN 9 ELSE n END", Code.REORDERED),
        ("UPDATE entries SET chain = 's1-evil' WHERE n > 1", Code.FOREIGN),
        ("DELETE FROM entries WHERE n = 2", Code.REMOVED),
    ],
)
async def test_rows_are_verified_like_lines_and_a_gateway_goes_on_with_them(
    tmp_path: Path, statement: str, code: Code
) -> None:
    settings = Settings(tmp_path, KEY, "sqlite")
    async with auditing(settings) as auditor:
        for number in (1, 2):
            await auditor.written(a_record(number))
    with sqlite3.connect(tmp_path / "audit.db") as other:
        other.execute(statement)
    other.close()
    for _ in range(2):
        assert code in {each.code for each in findings(tmp_path)}
        async with auditing(settings) as auditor:
            assert [await auditor.written(a_record(1)) for _ in range(10)] == [None] * 10


def _cut(settings: Settings, *, everything: bool) -> None:
    if settings.to == "sqlite":
        with sqlite3.connect(settings.directory / "audit.db") as other:
            other.execute(f"DELETE FROM entries WHERE n > {0 if everything else 2}")
        other.close()
        return
    [path] = settings.directory.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    if everything:
        path.unlink()


async def test_where_a_file_stands_in_the_way_nothing_starts(settings: Settings) -> None:
    settings.directory.write_text("in the way")
    with pytest.raises(Unwritable):
        async with auditing(settings):
            pass


async def test_what_cannot_be_written_waits_in_memory_where_that_is_allowed(settings: Settings) -> None:
    patient = replace(settings, buffer=3)
    settings.directory.write_text("in the way")
    counts: list[tuple[str, int]] = []
    async with auditing(patient, lambda outcome, number: counts.append((outcome, number))) as auditor:
        done = [await auditor.written(replace(a_record(), attempt=n)) for n in range(4)]
        assert done == [None, None, None, UNWRITABLE]
        settings.directory.unlink()
    assert attempts(settings) == [0, 1, 2]
    assert counts == [("refused", 1), ("written", 3)]
    assert codes(settings.directory) == []


async def test_another_policy_is_obeyed_from_the_next_record_on(tmp_path: Path) -> None:
    old, new = Settings(tmp_path / "old", KEY), Settings(tmp_path / "new", b"n" * 32, "sqlite")
    now: list[Settings | None] = [None]
    auditor = Auditor(lambda: now[0])
    await auditor.start()
    for each in (None, old, new, old, replace(old, key=b"x" * 32)):
        now[0] = each
        assert auditor.active is (each is not None)
        assert await auditor.written(a_record()) is None
    await auditor.aclose()
    assert [found.records for found in verified(old.directory)] == [3]
    assert [found.records for found in verified(new.directory, new.key)] == [1]
    assert set(codes(old.directory)) == {Code.RESTARTED, Code.UNSEALED}
