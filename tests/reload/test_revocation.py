"""A key that was revoked is refused at once, and by no failed reload, restart or lost file does it come back."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.canaries import client_key
from tests.support.processes import overheard
from tests.support.reloading import serving

from policyroute.author.load import build
from policyroute.decide import PolicySet
from policyroute.problems import PolicyErrors
from policyroute_asgi.activation import PolicyHolder, admitted, still_admits
from policyroute_asgi.preparation import Preparation
from policyroute_asgi.revocations import NAME, Revocation, RevocationsError, add, load

pytestmark = pytest.mark.anyio

Policy = Callable[[str], str]
Clients = Callable[[str], None]
PATIENCE = 20.0
KEY, OTHER = client_key("one"), client_key("two")


def sha(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def revoke(state: Path, *keys: str) -> None:
    add(state, [Revocation(sha(key), "ci", 17.0) for key in keys])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clients(directory: Path) -> Clients:
    """Write who may call, as editors do."""

    def write(text: str) -> None:
        (directory / ".clients").write_text(f"version: 1\nclients: {{{text}}}\n" if text else "version: 1\n")
        (directory / ".clients").replace(directory / "clients.yaml")

    write(f"ci: {{key_sha256: [{sha(KEY)}, {sha(OTHER)}]}}")
    return write


def revoke_and_kill(directory: Path, state: Path) -> None:
    """A gateway in a process of its own, which hears of the revocation and ends without a chance to write."""
    words = ["serve", directory, "--port", "0", "--state-dir", state]
    command = [sys.executable, "-m", "policyroute_asgi", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as gateway:
        assert gateway.stderr is not None
        try:
            console = overheard("serve stderr", gateway.stderr)
            assert any("listening on" in line for line in console)
            revoke(state, KEY)
            assert any("revoked keys more (ci)" in line for line in console)
        finally:
            gateway.kill()


async def until(holder: PolicyHolder, condition: Callable[[], bool]) -> None:
    news = asyncio.Event()
    holder.on_change(lambda status: news.set())
    holder.on_revoked(lambda revoked: news.set())
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await news.wait()
            news.clear()


@pytest.mark.usefixtures("clients")
async def test_a_revoked_key_is_refused_at_once_and_its_attempts_too(directory: Path, state: Path) -> None:
    async with serving(Preparation(directory, state)) as holder:
        one, other = admitted(holder, KEY), admitted(holder, OTHER)
        assert one and other and still_admits(holder, one) and still_admits(holder, other)
        told: list[frozenset[str]] = []
        holder.on_revoked(told.append)
        revoke(state, KEY)
        await until(holder, lambda: bool(holder.revoked))
        assert holder.revoked == {sha(KEY)}
        assert told == [holder.revoked]
        assert admitted(holder, KEY) is None and not still_admits(holder, one)
        assert admitted(holder, OTHER) == other and still_admits(holder, other)


@pytest.mark.usefixtures("clients")
async def test_a_build_that_takes_its_time_holds_no_revocation_up(directory: Path, state: Path, policy: Policy) -> None:
    building, may_end = threading.Event(), threading.Event()
    may_end.set()

    def slow(sources: Mapping[str, str]) -> PolicySet:
        building.set()
        may_end.wait(PATIENCE)
        return build(sources)

    async with serving(Preparation(directory, state, build=slow)) as holder:
        building.clear()
        may_end.clear()
        (directory / "main.yaml").write_text(policy("large"))
        await asyncio.to_thread(building.wait, PATIENCE)
        revoke(state, KEY)
        await until(holder, lambda: bool(holder.revoked))
        assert admitted(holder, KEY) is None
        may_end.set()


async def test_a_client_or_key_that_a_reload_takes_out_is_refused(directory: Path, clients: Clients) -> None:
    async with serving(Preparation(directory)) as holder:
        one, other = admitted(holder, KEY), admitted(holder, OTHER)
        assert one and other
        clients(f"ci: {{key_sha256: {sha(OTHER)}}}, web: {{key_sha256: {sha(KEY)}}}")
        await until(holder, lambda: not still_admits(holder, one))
        assert still_admits(holder, other)
        moved = admitted(holder, KEY)
        assert moved is not None
        assert moved.client.facts.id == "web"
        clients("")
        await until(holder, lambda: not holder.current.policy.program.clients)
        assert not any(still_admits(holder, match) for match in (one, other, moved))
        assert admitted(holder, OTHER) is None


@pytest.mark.usefixtures("clients")
async def test_a_failed_reload_brings_no_key_back(directory: Path, state: Path, policy: Policy) -> None:
    async with serving(Preparation(directory, state)) as holder:
        revoke(state, KEY)
        await until(holder, lambda: bool(holder.revoked))
        (directory / "main.yaml").write_text(policy("nobody"))
        await until(holder, lambda: not holder.status.ok)
        assert admitted(holder, KEY) is None
        (directory / "main.yaml").write_text(policy("large"))
        await until(holder, lambda: holder.status.ok)
        assert admitted(holder, KEY) is None and admitted(holder, OTHER) is not None


@pytest.mark.usefixtures("clients")
async def test_a_gateway_that_was_killed_knows_it_from_the_first_request_also_on_the_last_good_policy(
    directory: Path, state: Path, policy: Policy
) -> None:
    await asyncio.to_thread(revoke_and_kill, directory, state)
    (directory / "main.yaml").write_text(policy("nobody"))
    async with serving(Preparation(directory, state)) as holder:
        assert holder.status.source == "last_good"
        assert admitted(holder, KEY) is None and admitted(holder, OTHER) is not None


@pytest.mark.usefixtures("clients")
async def test_a_file_that_breaks_or_goes_takes_nothing_back_and_is_told(
    directory: Path, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    revoke(state, KEY)
    async with serving(Preparation(directory, state)) as holder:
        (state / NAME).write_text("[")
        await until(holder, lambda: bool(holder.status.problems))
        assert [problem.code for problem in holder.status.problems] == ["revocations-unreadable"]
        assert holder.status.ok
        assert admitted(holder, KEY) is None

        (state / NAME).unlink()
        await until(holder, lambda: holder.status.problems[0].code == "revocations-lost")
        assert admitted(holder, KEY) is None and admitted(holder, OTHER) is not None
        await holder.reload()
        assert [problem.code for problem in holder.status.problems] == ["revocations-lost"]

        revoke(state, KEY, OTHER)
        await until(holder, lambda: not holder.status.problems)
        assert admitted(holder, OTHER) is None
        assert "cannot be known" in caplog.text and "the next one would not" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "keys": []}', '{"keys": [{"key_sha256": "12"}]}'])
@pytest.mark.usefixtures("clients")
async def test_a_start_that_cannot_know_what_was_revoked_is_refused(directory: Path, state: Path, text: str) -> None:
    async with serving(Preparation(directory, state)):
        pass
    (state / NAME).write_text(text)
    with pytest.raises(PolicyErrors) as refused:
        async with serving(Preparation(directory, state)):
            pass
    (problem,) = refused.value.problems
    assert problem.code == "revocations-unreadable"
    assert problem.hint and "put it back" in problem.hint


async def test_without_a_state_directory_nothing_is_revoked(directory: Path, clients: Clients) -> None:
    async with serving(Preparation(directory)) as holder:
        clients(f"ci: {{key_sha256: {sha(KEY)}}}")
        await until(holder, lambda: admitted(holder, OTHER) is None)
        assert holder.revoked == frozenset()


def test_what_was_revoked_is_kept_once_and_for_its_owner(state: Path) -> None:
    assert load(state) == ()
    first = Revocation(sha(KEY), "ci", 17.0)
    assert add(state, [first]) == (first,)
    second = Revocation(sha(OTHER), "", 18.0)
    assert add(state, [Revocation(sha(KEY), "again", 19.0), second]) == (second,)
    assert load(state) == (first, second)
    assert stat.S_IMODE((state / NAME).stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == [NAME]


def test_two_that_revoke_at_once_do_not_undo_each_other(state: Path) -> None:
    keys = [f"key-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(revoke, state, key) for key in keys]:
            done.result()
    assert {each.key_sha256 for each in load(state)} == set(map(sha, keys))


def test_nothing_is_added_to_what_cannot_be_read(state: Path) -> None:
    state.mkdir()
    (state / NAME).write_text("{")
    with pytest.raises(RevocationsError):
        revoke(state, KEY)
    assert (state / NAME).read_text() == "{"
