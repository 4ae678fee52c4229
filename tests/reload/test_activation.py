"""Editing the directory of a holder that serves: what becomes current, what stays, and what is said."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from policyroute.author.load import build
from policyroute.decide import PolicySet
from policyroute.problems import PolicyErrors, Severity
from policyroute_asgi.activation import Active, PolicyHolder, Status
from policyroute_asgi.preparation import Preparation

pytestmark = pytest.mark.anyio

Policy = Callable[[str], str]
PATIENCE = 20.0
NEVER = 3600.0


class Watched:
    """A holder and everything it has said."""

    def __init__(self, holder: PolicyHolder) -> None:
        self.holder = holder
        self.said: list[Status] = []
        self._news = asyncio.Event()
        holder.on_change(self._note)

    def _note(self, status: Status) -> None:
        self.said.append(status)
        self._news.set()

    async def until(self, condition: Callable[[Status], bool]) -> Status:
        async with asyncio.timeout(PATIENCE):
            while not condition(self.holder.status):
                self._news.clear()
                await self._news.wait()
        return self.holder.status


@asynccontextmanager
async def serving(
    preparation: Preparation, *, strict_start: bool = False, heartbeat: float = NEVER
) -> AsyncGenerator[Watched]:
    holder = PolicyHolder(preparation, strict_start=strict_start, heartbeat=heartbeat)
    watched = Watched(holder)
    try:
        await holder.start()
        yield watched
    finally:
        await holder.aclose()


def put(directory: Path, text: str) -> None:
    """Write a policy as editors do, so that nothing in between is seen."""
    draft = directory / ".main.yaml.new"
    draft.write_text(text)
    draft.replace(directory / "main.yaml")


def goes_to(active: Active) -> str:
    return active.policy.program.default.route.items[0]


def keys_of(active: Active) -> list[str]:
    return [key.value for key in active.keys["here"]]


async def test_an_edit_becomes_current_and_old_requests_keep_the_old_set(directory: Path, policy: Policy) -> None:
    async with serving(Preparation(directory)) as watched:
        old = watched.holder.current
        before = watched.holder.status
        (directory / "main.yaml").write_text(policy("large"))
        status = await watched.until(lambda status: status.ok and status.revision != before.revision)
        assert status.source == "directory"
        assert status.revision == watched.holder.current.policy.revision
        assert goes_to(watched.holder.current) == "large"
        assert goes_to(old) == "small"


async def test_a_schema_that_a_rule_expects_is_part_of_the_policy(
    directory: Path, tmp_path: Path, policy: Policy
) -> None:
    rule = "rules: [{id: fits, expect: {schema: answer.schema.json}}]\n"
    (directory / "answer.schema.json").write_text('{"type": "object"}')
    (directory / "main.yaml").write_text(policy("small") + rule)
    state = tmp_path / "state"

    def expected(active: Active) -> object:
        found = active.policy.program.rules[0].expect
        return found.schema if found else None

    async with serving(Preparation(directory, state)) as watched:
        first = watched.holder.status.revision
        (directory / "answer.schema.json").write_text('{"type": "array"}')
        status = await watched.until(lambda status: status.revision != first)
        assert status.ok and expected(watched.holder.current) == {"type": "array"}
        (directory / "answer.schema.json").write_text('{"type": "text"}')
        status = await watched.until(lambda status: not status.ok)
        assert [problem.code for problem in status.problems] == ["wrong-schema"]
        assert expected(watched.holder.current) == {"type": "array"}
        sent = watched.holder.current.for_others()
        assert expected(Active.of_another(build(sent["sources"]), sent)) == {"type": "array"}
    async with serving(Preparation(directory, state)) as watched:
        assert watched.holder.status.source == "last_good"
        assert expected(watched.holder.current) == {"type": "array"}


async def test_a_config_map_swap_becomes_current(tmp_path: Path, policy: Policy) -> None:
    for generation, target in (("..one", "small"), ("..two", "large")):
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "main.yaml").write_text(policy(target))
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "main.yaml").symlink_to("..data/main.yaml")
    async with serving(Preparation(tmp_path)) as watched:
        before = watched.holder.status
        (tmp_path / "..next").symlink_to("..two")
        (tmp_path / "..next").replace(tmp_path / "..data")
        await watched.until(lambda status: status.revision != before.revision)
        assert goes_to(watched.holder.current) == "large"


async def test_a_burst_ends_with_its_last_word(directory: Path, policy: Policy) -> None:
    async with serving(Preparation(directory)) as watched:
        for number in range(40):
            (directory / "main.yaml").write_text(f"# {number}\n" + policy("small"))
        (directory / "main.yaml").write_text(policy("large"))
        await watched.until(lambda status: status.ok and goes_to(watched.holder.current) == "large")


async def test_a_broken_edit_changes_nothing_but_the_reports(
    directory: Path, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "policyroute.reload")
    async with serving(Preparation(directory)) as watched:
        current, good = watched.holder.current, watched.holder.status
        put(directory, policy("smal"))
        broken = await watched.until(lambda status: not status.ok)
        assert watched.holder.current is current
        assert (broken.revision, broken.since) == (good.revision, good.since)
        assert {problem.span.file for problem in broken.problems if problem.span} == {"main.yaml"}
        assert "main.yaml" in caplog.text and "still served" in caplog.text

        put(directory, policy("small"))
        mended = await watched.until(lambda status: status.ok)
        assert mended.revision == good.revision
        assert mended.problems == ()


async def test_the_log_has_every_error_up_to_twenty_and_no_warning(
    directory: Path, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "policyroute.reload")
    async with serving(Preparation(directory)) as watched:
        rules = "".join(f"  - {{id: r{number}, route: [nobody]}}\n" for number in range(30))
        put(directory, f"{policy('small')}rules:\n{rules}")
        status = await watched.until(lambda status: not status.ok)
        errors = sum(problem.severity is Severity.ERROR for problem in status.problems)
        assert caplog.text.count("main.yaml:") == 20
        assert f"and {errors - 20} more" in caplog.text


async def test_an_edit_that_fails_its_own_test_is_broken(directory: Path, policy: Policy) -> None:
    async with serving(Preparation(directory)) as watched:
        wrong = policy("small").replace("expect: {target: small}", "expect: {target: large}")
        put(directory, wrong)
        status = await watched.until(lambda status: not status.ok)
        assert "everything" in str(status.problems)


async def test_a_bug_in_the_build_ends_neither_serving_nor_watching(directory: Path, policy: Policy) -> None:
    def fragile(sources: Mapping[str, str]) -> PolicySet:
        if "explode" in sources["main.yaml"]:
            raise ZeroDivisionError
        return build(sources)

    async with serving(Preparation(directory, build=fragile)) as watched:
        put(directory, "explode")
        status = await watched.until(lambda status: not status.ok)
        assert [problem.code for problem in status.problems] == ["internal-error"]
        put(directory, policy("large"))
        await watched.until(lambda status: status.ok)
        assert goes_to(watched.holder.current) == "large"


async def test_the_loop_runs_on_while_a_policy_is_built(directory: Path, policy: Policy) -> None:
    held, release = threading.Event(), threading.Event()

    def slow(sources: Mapping[str, str]) -> PolicySet:
        if "large]" in sources["main.yaml"]:
            held.set()
            assert release.wait(PATIENCE)
        return build(sources)

    async with serving(Preparation(directory, build=slow)) as watched:
        put(directory, policy("large"))
        assert await asyncio.to_thread(held.wait, PATIENCE)
        assert goes_to(watched.holder.current) == "small"
        release.set()
        await watched.until(lambda status: goes_to(watched.holder.current) == "large")


async def test_a_key_that_changes_is_taken_up_without_a_new_policy(directory: Path, policy: Policy) -> None:
    text = policy("small").replace("region: eu}", "region: eu, api_key: {file: key}}")
    put(directory, text)
    (directory.parent / "key").write_text("one")
    async with serving(Preparation(directory, secrets_dir=directory.parent), heartbeat=0.02) as watched:
        old = watched.holder.current
        (directory.parent / "key").write_text("two")
        await watched.until(lambda status: keys_of(watched.holder.current) == ["two"])
        assert watched.holder.current.policy is old.policy
        assert keys_of(old) == ["one"]

        (directory.parent / "key").unlink()
        status = await watched.until(lambda status: not status.ok)
        assert [problem.code for problem in status.problems] == ["missing-secret"]
        assert keys_of(watched.holder.current) == ["two"]


async def test_nothing_new_is_not_news(directory: Path) -> None:
    async with serving(Preparation(directory), heartbeat=0.01) as watched:
        put(directory, "version: 1\n")
        await watched.until(lambda status: not status.ok)
        said = len(watched.said)
        await asyncio.sleep(0.1)
        assert len(watched.said) == said


async def test_a_reload_that_is_asked_for_is_news_in_any_case(directory: Path) -> None:
    async with serving(Preparation(directory)) as watched:
        before = watched.holder.current
        status = await watched.holder.reload()
        assert status.ok
        assert watched.said == [watched.said[0], status]
        assert watched.holder.current is not before


async def test_several_that_start_it_start_it_once(directory: Path) -> None:
    async with serving(Preparation(directory)) as watched:
        await asyncio.gather(watched.holder.start(), watched.holder.start())
        assert len(watched.said) == 1


async def test_a_start_with_a_broken_directory_serves_the_last_good_set_and_says_so(
    directory: Path, tmp_path: Path, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    async with serving(Preparation(directory, state)) as watched:
        good = watched.holder.status
    put(directory, policy("smal"))
    async with serving(Preparation(directory, state)) as watched:
        status = watched.holder.status
        assert (status.revision, status.ok, status.source) == (good.revision, False, "last_good")
        assert status.problems
        assert goes_to(watched.holder.current) == "small"
        assert "THE POLICY DIRECTORY IS BROKEN" in caplog.text

        put(directory, policy("small"))
        mended = await watched.until(lambda status: status.ok)
        assert (mended.revision, mended.source) == (good.revision, "directory")


@pytest.mark.parametrize(("kept", "strict"), [(False, False), (False, True), (True, True)])
async def test_a_start_with_nothing_to_serve_refuses_with_every_problem(
    directory: Path, tmp_path: Path, kept: bool, strict: bool
) -> None:
    state = tmp_path / "state"
    if kept:
        Preparation(directory, state).from_directory()
    put(directory, "version: 1\nrule: []\ntargets: {a: {provider: nobody, model: m}}\n")
    with pytest.raises(PolicyErrors) as refused:
        async with serving(Preparation(directory, state), strict_start=strict):
            pass
    assert len(refused.value.problems) >= 2


async def test_closing_ends_the_watch_and_keeps_the_set(directory: Path) -> None:
    async with serving(Preparation(directory)) as watched:
        holder = watched.holder
    assert goes_to(holder.current) == "small"
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "policyroute-watch"] == []


async def test_a_policy_that_loses_its_clients_says_so_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "main.yaml").write_text("version: 1\ndefault: {route: [requested]}")
    (tmp_path / "who.yaml").write_text(f"version: 1\nclients: {{ci: {{key_sha256: {'a' * 64}}}}}")
    holder = PolicyHolder(Preparation(tmp_path), watch=False)
    await holder.start()
    assert "CLIENTS" not in caplog.text
    (tmp_path / "who.yaml").unlink()
    assert (await holder.reload()).ok
    await holder.aclose()
    assert "THE POLICY HAS NO CLIENTS ANY MORE" in caplog.text
