"""Workers and their supervisor's tasks, in this process: what no signal from outside can time."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from policyroute_asgi.activation import PolicyHolder
from policyroute_asgi.cli import serve
from policyroute_asgi.cli.process import listen
from policyroute_asgi.operator import Page
from policyroute_asgi.preparation import Preparation
from policyroute_asgi.workers.crew import Crew, Hiring
from policyroute_asgi.workers.messages import FromSupervisor, Revoked, Serve

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def hiring(directory: Path) -> AsyncGenerator[Crew]:
    """A crew for this policy directory. That none of its tasks fails is part of every test."""
    parser = argparse.ArgumentParser()
    serve.configure(parser)
    arguments = parser.parse_args([str(directory), "--workers", "2", "--log", "none"])
    holder = PolicyHolder(Preparation(directory), watch=False)
    await holder.start()

    def orders() -> Iterator[FromSupervisor]:
        active = holder.current
        yield Revoked(frozenset())
        yield Serve(1, active.policy.revision, active.for_others(), holder.status)

    async def page(path: str) -> Page:
        raise AssertionError(f"nobody asks for {path}")

    with listen("127.0.0.1", 0) as listener, tempfile.TemporaryFile() as lock:
        async with asyncio.TaskGroup() as group:
            crew = Crew(group.create_task, Hiring(arguments, (listener.fileno(), lock.fileno())), orders, page)
            yield crew
            crew.kill()
            await crew.gone()
    await holder.aclose()


async def test_a_worker_that_nobody_waits_for_any_more_may_still_come_to_serve(directory: Path) -> None:
    async with hiring(directory) as crew:
        waiting = asyncio.create_task(crew.hire(1))
        while not crew.children:  # noqa: ASYNC110 - there is no news of a process that has not said anything
            await asyncio.sleep(0)
        (child,) = crew.children
        waiting.cancel()  # as a stop does in the middle of a rolling restart
        await crew.news.until(lambda: child.state == "serving")


async def test_a_start_that_is_given_up_leaves_no_line_open(directory: Path) -> None:
    async with hiring(directory) as crew:
        before = open_files()
        waiting = asyncio.create_task(crew.hire(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not crew.children
        assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
