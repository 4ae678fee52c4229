"""An override holds until it ends or is taken back: no failed reload, restart, lost or broken file ends it."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.reloading import serving

from policyroute.decide.overrides import Override
from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.overrides import NAME, OverridesError, clear, load, put
from policyroute_asgi.overriding import Standing
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio

Policy = Callable[[str], str]
PATIENCE = 20.0


def drain(name: str, since: float = 0.0, until: float | None = None) -> Override:
    return Override(name, "drain", "why", since, time.time() + 600 if until is None else until)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def until(holder: PolicyHolder, condition: Callable[[], bool]) -> None:
    news = asyncio.Event()
    holder.on_change(lambda status: news.set())
    holder.on_overridden(lambda known: news.set())
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await news.wait()
            news.clear()


def names(holder: PolicyHolder) -> list[str]:
    return [each.name for each in holder.overrides.now().every]


async def test_a_failed_reload_and_a_restart_end_nothing(directory: Path, state: Path, policy: Policy) -> None:
    async with serving(Preparation(directory, state)) as holder:
        put(state, drain("here"))
        await until(holder, lambda: names(holder) == ["here"])
        (directory / "main.yaml").write_text(policy("nobody"))
        await until(holder, lambda: not holder.status.ok)
        assert names(holder) == ["here"]
    async with serving(Preparation(directory, state)) as holder:
        assert holder.status.source == "last_good"
        assert names(holder) == ["here"]
        clear(state, "here", time.time())
        await until(holder, lambda: names(holder) == [])


async def test_a_file_that_breaks_or_goes_ends_nothing_and_is_told(directory: Path, state: Path) -> None:
    put(state, drain("here"))
    async with serving(Preparation(directory, state)) as holder:
        (state / NAME).write_text("[")
        await until(holder, lambda: bool(holder.status.problems))
        assert [problem.code for problem in holder.status.problems] == ["overrides-unreadable"]
        (state / NAME).unlink()
        await until(holder, lambda: holder.status.problems[0].code == "overrides-lost")
        assert names(holder) == ["here"]
        assert holder.status.ok
        clear(state, None, time.time())
        await until(holder, lambda: not holder.status.problems)
        assert names(holder) == []


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": 2, "overrides": []}', '{"overrides": [{"name": "a\\n", "action": "use", "reason": ""}]}'],
)
async def test_a_start_that_cannot_read_it_serves_and_says_so(directory: Path, state: Path, text: str) -> None:
    put(state, drain("here"))
    (state / NAME).write_text(text)
    async with serving(Preparation(directory, state)) as holder:
        assert [problem.code for problem in holder.status.problems] == ["overrides-unreadable"]
        assert names(holder) == []


def test_it_ends_by_the_clock_on_the_very_next_look() -> None:
    now = [100.0]
    standing = Standing(lambda: now[0])
    standing.learn((drain("a", 1.0, 110.0), drain("b", 2.0, 120.0)))
    seen = standing.now()
    assert [each.name for each in seen.every] == ["b", "a"]
    now[0] = 109.9
    assert standing.now() is seen
    now[0] = 110.0
    assert [each.name for each in standing.now().every] == ["b"]
    now[0] = 120.0
    assert standing.now().every == ()


def test_it_is_for_its_owner_and_what_has_ended_is_not_kept(state: Path) -> None:
    assert load(state) is None
    put(state, drain("old", 1.0, 5.0))
    put(state, drain("new", 6.0))
    assert [each.name for each in load(state) or ()] == ["new"]
    assert stat.S_IMODE((state / NAME).stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == [NAME]


def test_two_that_say_something_at_once_do_not_undo_each_other(state: Path) -> None:
    said = [f"target-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(put, state, drain(name)) for name in said]:
            done.result()
    assert {each.name for each in load(state) or ()} == set(said)


def test_nothing_is_added_to_what_cannot_be_read(state: Path) -> None:
    state.mkdir()
    (state / NAME).write_text("{")
    with pytest.raises(OverridesError):
        put(state, drain("here"))
    assert (state / NAME).read_text() == "{"
