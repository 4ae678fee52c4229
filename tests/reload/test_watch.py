"""Whatever way a file gets changed, the watch says so; events alone must do it, so the heartbeat is out of reach."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from policyroute_asgi.watch import changes, watched

NEVER = 3600.0
PATIENCE = 20.0


def edit_in_place(directory: Path) -> None:
    (directory / "main.yaml").write_text("version: 2")


def rename_over(directory: Path) -> None:
    draft = directory / ".main.yaml.swp"
    draft.write_text("version: 2")
    draft.replace(directory / "main.yaml")


def delete_and_create(directory: Path) -> None:
    (directory / "main.yaml").unlink()
    (directory / "main.yaml").write_text("version: 2")


def make_readable(directory: Path) -> None:
    (directory / "main.yaml").chmod(0o640)


def add_a_file(directory: Path) -> None:
    (directory / "more.yaml").write_text("version: 1")


def add_a_schema(directory: Path) -> None:
    (directory / "answer.schema.json").write_text("{}")


def remove_a_file(directory: Path) -> None:
    (directory / "main.yaml").unlink()


def replace_the_directory(directory: Path) -> None:
    old = directory.with_name("old")
    directory.rename(old)
    shutil.copytree(old, directory)


def delete_and_create_the_directory(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()
    (directory / "main.yaml").write_text("version: 2")


def burst(directory: Path) -> None:
    for number in range(50):
        (directory / "main.yaml").write_text(f"version: {number}")


async def seen(directory: Path, *acts: Callable[[], None]) -> None:
    """Each act is news, to a watch that had gone quiet before it."""
    news: asyncio.Queue[None] = asyncio.Queue()

    async def listen() -> None:
        async for _ in changes(directory, NEVER):
            news.put_nowait(None)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE):
        await news.get()
        for number, act in enumerate(acts):
            if number:
                await quiet(news)
            act()
            await news.get()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def quiet(news: asyncio.Queue[None]) -> None:
    with suppress(TimeoutError):
        while True:
            await asyncio.wait_for(news.get(), 0.4)


@pytest.mark.parametrize(
    "act",
    [
        edit_in_place,
        rename_over,
        delete_and_create,
        make_readable,
        add_a_file,
        add_a_schema,
        remove_a_file,
        replace_the_directory,
        delete_and_create_the_directory,
        burst,
    ],
)
def test_a_change_is_seen(tmp_path: Path, act: Callable[[Path], None]) -> None:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "main.yaml").write_text("version: 1")
    asyncio.run(seen(directory, lambda: act(directory)))


@pytest.mark.parametrize("replace", [replace_the_directory, delete_and_create_the_directory])
def test_a_directory_that_was_replaced_is_watched_on(tmp_path: Path, replace: Callable[[Path], None]) -> None:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "main.yaml").write_text("version: 1")
    asyncio.run(seen(directory, lambda: replace(directory), lambda: edit_in_place(directory)))


def config_map(mount: Path, generation: str, text: str) -> None:
    """What the kubelet does: a new folder, then one rename of the `..data` link."""
    (mount / generation).mkdir()
    (mount / generation / "main.yaml").write_text(text)
    (mount / "..next").symlink_to(generation)
    (mount / "..next").replace(mount / "..data")


def test_a_config_map_swap_is_seen_twice(tmp_path: Path) -> None:
    config_map(tmp_path, "..one", "version: 1")
    (tmp_path / "main.yaml").symlink_to("..data/main.yaml")
    asyncio.run(
        seen(
            tmp_path,
            lambda: config_map(tmp_path, "..two", "version: 2"),
            lambda: config_map(tmp_path, "..three", "version: 3"),
        )
    )


def test_the_link_that_names_the_directory_may_change(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "policies").mkdir(parents=True)
        (tmp_path / name / "policies" / "main.yaml").write_text("version: 1")
    (tmp_path / "here").mkdir()
    current = tmp_path / "here" / "current"
    current.symlink_to("../one")
    directory = current / "policies"

    def swap() -> None:
        (tmp_path / "here" / "next").symlink_to("../two")
        (tmp_path / "here" / "next").replace(current)

    asyncio.run(seen(directory, swap, lambda: edit_in_place(tmp_path / "two" / "policies")))


def test_a_file_that_is_a_link_is_watched_where_it_lives(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "main.yaml").write_text("version: 1")
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "main.yaml").symlink_to("../shared/main.yaml")
    asyncio.run(seen(directory, lambda: edit_in_place(tmp_path / "shared")))


def test_what_happens_beside_the_directory_is_nobodys_business(tmp_path: Path) -> None:
    directory = tmp_path / "policies"
    directory.mkdir()
    places = watched(directory)
    assert places[str(tmp_path.resolve())] == frozenset({"policies"})
    assert places[str(directory.resolve())] is None


def test_links_that_go_round_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "policies").symlink_to("again")
    (tmp_path / "again").symlink_to("policies")
    assert str(tmp_path.resolve()) in watched(tmp_path / "policies")


def test_a_directory_that_is_not_there_yet_is_found_by_the_heartbeat(tmp_path: Path) -> None:
    home = tmp_path.resolve() / "no" / "where"

    async def heartbeats() -> None:
        async with asyncio.timeout(PATIENCE), aclosing(changes(home, 0.01)) as news:
            await anext(news)
            home.mkdir(parents=True)
            while str(home) not in watched(home):
                await anext(news)
            await anext(news)

    asyncio.run(heartbeats())
