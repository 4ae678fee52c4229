"""Says when a policy directory may have changed; what changed is for the reader to find out.

Rule of this module: watch folders, never files. Editors replace files, ConfigMaps swap links, and a watch on a file
dies with it. What no event reports (a network file system, a key file elsewhere) the heartbeat finds.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path

from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]

from policyroute.policy.files import SCHEMA
from policyroute_asgi import apart

logger = logging.getLogger("policyroute.reload")

_THREAD = "policyroute-watch"
_STEP_MS = 25
"""Quiet for this long after an event, and the burst is over."""
_DEBOUNCE_MS = 200
"""No burst delays the news by more than this."""
_MAX_LINKS = 40

Places = Mapping[str, frozenset[str] | None]
"""Real folder -> the names in it that matter; None: all of them."""


async def changes(directory: Path, heartbeat: float, only: frozenset[str] | None = None) -> AsyncGenerator[None]:
    """Yields once as soon as it watches, after every burst of changes, and every `heartbeat` seconds. Never ends.

    `only`: the names in the directory that matter.
    """
    look = partial(watched, directory, only)
    while True:
        places = await apart.once(look, _THREAD)
        if not places:
            await asyncio.sleep(heartbeat)
            yield
            continue
        try:
            async with aclosing(_watch(places, heartbeat)) as news:
                async for moved in news:
                    yield
                    if moved or await apart.once(look, _THREAD) != places:
                        break
        except (OSError, RuntimeError) as error:
            logger.warning("no file events (%s): looking every %g s", error, heartbeat)
            await asyncio.sleep(heartbeat)


async def rereads(
    directory: Path | None, heartbeat: float, only: frozenset[str], read: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[None]:
    """Yields after every change that `read` says there was, from now on. Ends at once where there is no directory."""
    if directory is None:
        return
    async for _ in changes(directory, heartbeat, only):
        if await read():
            yield


async def _watch(places: Places, heartbeat: float) -> AsyncGenerator[bool]:
    """True where a watched folder itself, or a link on the way to it, was touched: the watches may be on its ghost."""

    def matters(change: Change, path: str) -> bool:
        folder, name = os.path.split(path)
        names = places.get(folder, frozenset())
        return names is None or name in names or path in places

    def moved(found: set[tuple[Change, str]]) -> bool:
        return any(path in places or places.get(os.path.dirname(path)) is not None for _, path in found)

    events = awatch(
        *places,
        watch_filter=matters,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=round(heartbeat * 1000),
        yield_on_timeout=True,
        recursive=False,
        ignore_permission_denied=True,
    )
    # The first step of `awatch` sets the watches up, so what is read from here on is either seen now or reported.
    first = asyncio.ensure_future(anext(events))
    try:
        await asyncio.sleep(0)
        yield False
        yield moved(await first)
        async for found in events:
            yield moved(found)
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await events.aclose()


def watched(directory: Path, only: frozenset[str] | None = None) -> Places:
    """The folders to watch: the directory, its parent (it may be replaced whole), and the home of every link on the way
    to it and to its files, or to `only` these."""
    places: dict[str, set[str] | None] = {}
    absolute = os.path.join(os.getcwd(), directory)
    parent, name = os.path.split(os.path.normpath(absolute))
    _add(places, os.path.realpath(parent), name)
    for folder, link in _links(absolute):
        _add(places, folder, link)
    real = os.path.realpath(absolute)
    for path in sorted(_files(real) if only is None else [os.path.join(real, each) for each in only]):
        for folder, link in _links(path):
            _add(places, folder, link)
        _add(places, *os.path.split(os.path.realpath(path)))
    if only is None:
        places[real] = None
    return {
        folder: None if names is None else frozenset(names) for folder, names in places.items() if os.path.isdir(folder)
    }


def _add(places: dict[str, set[str] | None], folder: str, name: str) -> None:
    names = places.setdefault(folder, set())
    if names is not None:
        names.add(name)


def _files(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.path for entry in entries if entry.name.endswith((".yaml", ".yml", SCHEMA))]
    except OSError:
        return []


def _links(path: str) -> Iterator[tuple[str, str]]:
    """(real folder, name) of every symbolic link that has to be followed to get to what `path` names."""
    pending = [*reversed(Path(path).parts)]
    at = pending.pop()
    links = 0
    while pending and links < _MAX_LINKS:
        name = pending.pop()
        here = os.path.normpath(os.path.join(at, name))
        if not os.path.islink(here):
            at = here
            continue
        yield at, name
        links += 1
        at_or_root, *rest = Path(at, os.readlink(here)).parts
        pending.extend(reversed(rest))
        at = at_or_root
