"""Attacks on one `serve` process, over loopback, bounded in count and time, while others ask for short answers.

Crowds of connections are here; what is in a single request or answer is in `payloads`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
import yaml

from scripts.benchmarks import load, payloads, processes
from scripts.benchmarks.crowd import Guest, beside, code, dripping, gone, guests
from scripts.benchmarks.report import Figure

_KEEP_ALIVE = 20
_IDLE, _SPARE = 10_000, 1_000
_SLOW = 1_000
_STALLED = 1_000
_LIMITS = {"ttft": "3s", "idle": "3s", "total": "8s"}
_DRIPS = ("drip-head", "drip-json", "drip-stream")


@dataclass(frozen=True, slots=True)
class Place:
    """The gateway under attack."""

    port: int
    pid: int
    idle: int
    """Connections of the largest crowd."""


@contextmanager
def _attacked() -> Generator[Place]:
    idle = min(_IDLE, processes.raise_files() - _SPARE)
    provider, front = processes.free_port(), processes.free_port()
    options = (
        *("--keep-alive", str(_KEEP_ALIVE)),
        *("--max-connections", str(idle + 100)),
        *("--concurrency", str(_STALLED + 100)),  # others want to be served beside those who do not read
    )
    with tempfile.TemporaryDirectory() as folder, processes.module("hostile", provider):
        (Path(folder) / "attacks.yaml").write_text(_policy(provider))
        with processes.module("gateway", front, folder, *options) as gateway:
            yield Place(front, gateway.pid, idle)


def _policy(provider: int) -> str:
    models = ("proper", "flood", "bomb", "bomb-in-a-stream", *_DRIPS)
    alone = {"fallback": {"retries": 0, "max_swaps": 0}}
    return yaml.safe_dump(
        {
            "version": 1,
            "providers": {"p": {"dialect": "openai_chat", "base_url": f"http://127.0.0.1:{provider}/v1"}},
            "targets": {name: {"provider": "p", "model": name, "context_window": 100_000_000} for name in models},
            "rules": [
                {"id": "slow", "when": 'request.model.startsWith("drip")', "limits": _LIMITS},
                {"id": "one-try", **alone},
            ],
            "default": {"route": ["requested"]},
        }
    )


def run() -> list[Figure]:
    with _attacked() as place:
        return uvloop.run(_all(place))


async def _all(place: Place) -> list[Figure]:
    await load.run(place.port, load.body("proper", stream=False), total=500)
    async with beside(place.port, place.pid) as usual:
        await asyncio.sleep(5)
    before = processes.files(place.pid)
    figures = [
        *await payloads.run(place.port, place.pid),
        *await _drips(place),
        *await _idle(place, usual.median()),
        *await _slow(place, usual.median()),
        *await _stalled(place, usual.median()),
    ]
    await asyncio.sleep(2)
    left = processes.files(place.pid) - before
    return [*figures, Figure("connections and files left over by all of it", left, "", 8, f"{before} before")]


async def _idle(place: Place, usual: float) -> list[Figure]:
    """Half of them have asked before, and may stay longer."""
    resident = processes.rss_bytes(place.pid)
    asked = await guests(place.port, place.idle // 2)
    for guest in asked:
        guest.transport.write(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\n\r\n".encode())
    silent = await guests(place.port, place.idle - len(asked))
    crowd = asked + silent
    async with beside(place.port, place.pid) as seen:
        await asyncio.sleep(2)
        opened = sum(guest.ended is None for guest in crowd)
        each = (processes.rss_bytes(place.pid) - resident) / max(1, opened)
        closed = await gone(crowd, _KEEP_ALIVE + 10)
    late = max(max(guest.lasted for guest in silent) - 10, max(guest.lasted for guest in asked) - _KEEP_ALIVE)
    what = f"{place.idle:,} idle connections"
    cut = "" if place.idle == _IDLE else f"; the system allows no more than {place.idle:,}"
    return [
        Figure(f"{what}: open at once", opened, "", detail=f"half of them silent, half of them asked once{cut}"),
        Figure(f"{what}: others' requests that failed", seen.failed, "", 0, seen.others),
        _slower(what, seen.median(), usual),
        Figure(f"{what}: memory of one", each / 1024, "KiB", 20, "resident"),
        Figure(f"{what}: not closed", place.idle - closed, "", 0, "silent ones after 10 s, others after --keep-alive"),
        Figure(f"{what}: latest closing after its time", late, "s", 8, "opening the crowd included"),
    ]


def _slower(what: str, median: float, usual: float) -> Figure:
    detail = f"median {median * 1000:.1f} ms, {usual * 1000:.1f} ms without"
    return Figure(f"{what}: others' latency", median / usual, "×", 3, detail)


async def _slow(place: Place, usual: float) -> list[Figure]:
    """Of the clients that send a byte a second most do so in the head, some in the body."""
    crowd = await guests(place.port, _SLOW)
    heads, bodies = crowd[: _SLOW * 4 // 5], crowd[_SLOW * 4 // 5 :]
    head = load.request(place.port, b"x" * 100_000)
    start = head.index(b"\r\n\r\n") + 4
    sending = [
        asyncio.create_task(dripping(heads, head[:1], head[1:60])),
        asyncio.create_task(dripping(bodies, head[:start], b"x" * 60)),
    ]
    async with beside(place.port, place.pid) as seen:
        closed = await gone(crowd, 45)
    for task in sending:
        task.cancel()
    told = sum(guest.status == 408 for guest in crowd)
    lasted = max(guest.lasted for guest in heads), max(guest.lasted for guest in bodies)
    what = f"{_SLOW:,} clients that send a byte a second"
    return [
        Figure(f"{what}: not closed", _SLOW - closed, "", 0, f"{told:,} of them were told 408"),
        Figure(f"{what}: longest stay", max(lasted), "s", 40, f"in the head {lasted[0]:.1f} s"),
        Figure(f"{what}: others' requests that failed", seen.failed, "", 0, seen.others),
        _slower(what, seen.median(), usual),
    ]


async def _stalled(place: Place, usual: float) -> list[Figure]:
    resident = processes.rss_bytes(place.pid)
    message = load.request(place.port, load.body("flood", stream=True, size=1000))
    crowd = await guests(place.port, _STALLED)
    for guest in crowd:
        guest.transport.pause_reading()
        guest.transport.write(message)
    async with beside(place.port, place.pid) as seen:
        await asyncio.sleep(20)
        early = sum(guest.ended is not None for guest in crowd)
        held = (await _in_flight(place), processes.rss_bytes(place.pid))
        freed = await _until_quiet(place, 70)
    await _close(crowd)
    what = f"{_STALLED:,} clients that do not read a stream of 8 MiB"
    return [
        Figure(f"{what}: memory of one", (seen.peak - resident) / _STALLED / 1024, "KiB", 640, "resident, at its peak"),
        Figure(f"{what}: whole process", seen.peak / 2**20, "MiB", 800, f"{held[1] / 2**20:.0f} MiB after 20 s"),
        Figure(f"{what}: until their places are free", freed + 20, "s", 80, f"{held[0]} open after 20 s, {early} gone"),
        Figure(f"{what}: others' requests that failed", seen.failed, "", 0, seen.others),
        _slower(what, seen.median(), usual),
    ]


async def _close(crowd: list[Guest]) -> None:
    for guest in crowd:
        guest.transport.abort()
    await gone(crowd, 10)


async def _drips(place: Place) -> list[Figure]:
    """Clients that wait for a provider which sends a byte a second."""
    crowd = await guests(place.port, 60)
    for number, guest in enumerate(crowd):
        model = _DRIPS[number % len(_DRIPS)]
        guest.transport.write(load.request(place.port, load.body(model, stream=model == "drip-stream", size=500)))
    async with beside(place.port, place.pid) as seen:
        await asyncio.sleep(1)
        opened = await _in_flight(place)
        took = await _until_quiet(place, 20)
    told = sorted({f"{model} {crowd[number].status} {code(crowd[number].got)}" for number, model in enumerate(_DRIPS)})
    await _close(crowd)
    what = "60 answers that come a byte a second"
    return [
        Figure(f"{what}: until their places are free", took + 1, "s", 10, f"of {opened}; limits 3 s and 8 s"),
        Figure(f"{what}: others' requests that failed", seen.failed, "", 0, f"{seen.others}; told {', '.join(told)}"),
    ]


async def _in_flight(place: Place) -> int:
    page = await load.get(place.port, "/metrics")
    line = next(line for line in page.decode().splitlines() if line.startswith("policyroute_in_flight_requests "))
    return int(float(line.split()[1]))


async def _until_quiet(place: Place, seconds: float) -> float:
    """Seconds until hardly a request is open."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while await _in_flight(place) > 4 and loop.time() - begun < seconds:  # noqa: ASYNC110 - what another process does
        await asyncio.sleep(0.2)
    return loop.time() - begun
