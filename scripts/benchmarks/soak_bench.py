"""Minutes of mixed traffic at half of what the gateway can take: what grows, what is left over, what fails.

JSON and streams, clients with limits, some that hang up in mid-stream, some whose first attempt is throttled, one that
asks for more than its limit; and an edit of the policy every minute.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from scripts.benchmarks import load, policies, processes
from scripts.benchmarks.report import Figure

_CLIENTS: Final = 16
_CALIBRATION: Final = 10.0
_SAMPLE: Final = 2.0
_EDIT: Final = 60.0
_SETTLED: Final = 60.0
"""Seconds that what is left over gets to go away: idle connections to providers are kept for 20."""
_WARM: Final = 0.25
"""Of the time, before the slope is measured: allocators and caches take their share first."""
_MARK: Final = "soak-edit"
_KEYS: Final = {name: f"soak-{name}-0123456789abcdef" for name in ("many", "few", "ops")}
_RARE: Final = (("hang up", 0.03), ("swap", 0.05), ("limited", 0.02), ("stream", 0.30))
"""Kinds of traffic and their shares; the rest are JSON answers."""


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    rss: int
    files: int
    upstream: int
    tasks: int


@dataclass
class Soak:
    """One gateway under load. `done` counts requests by kind."""

    port: int
    pid: int
    upstream_port: int
    policy: Path
    done: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])

    async def run(self, minutes: float) -> list[Figure]:
        capacity = await self._capacity()
        before = await self._settled(None)
        self.done.clear()
        samples: list[Sample] = []
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(self._sample(samples))
            editing = group.create_task(self._edit())
            await self._load(minutes * 60, capacity / 2)
            sampling.cancel()
            editing.cancel()
        after = await self._settled(before)
        return self._figures(capacity, samples, before, after)

    # Load

    async def _capacity(self) -> float:
        """Requests a second, all sent as soon as the one before is answered."""
        await self._load(_CALIBRATION / 4, None)
        self.done.clear()
        await self._load(_CALIBRATION, None)
        return self.done.total() / _CALIBRATION

    async def _load(self, seconds: float, rate: float | None) -> None:
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(_CLIENTS):
                group.create_task(self._client(random.Random(number), end, rate and rate / _CLIENTS))

    async def _client(self, rng: random.Random, end: float, rate: float | None) -> None:
        kept = await asyncio.open_connection("127.0.0.1", self.port)
        due = time.perf_counter() + (rng.random() / rate if rate else 0.0)
        while time.perf_counter() < end:
            if rate is not None:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += 1 / rate
            kind = _drawn(rng)
            try:
                fine = await (self._hang_up() if kind == "hang up" else self._ask(kept, kind, rng))
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                fine = False
                kept[1].close()
                kept = await asyncio.open_connection("127.0.0.1", self.port)
            self.done[kind] += 1
            if not fine:
                self.failed[kind] += 1
        kept[1].close()

    async def _ask(
        self, kept: tuple[asyncio.StreamReader, asyncio.StreamWriter], kind: str, rng: random.Random
    ) -> bool:
        stream = kind == "stream"
        model, pace = "swap" if kind == "swap" else "mini", rng.choice(("burst", "paced"))
        content = load.body(model, stream=stream, user=pace, size=rng.randint(300, 20_000))
        key = _KEYS["few" if kind == "limited" else "many"]
        headers = {"authorization": f"Bearer {key}", "x-conversation-id": f"c{rng.randrange(100_000)}"}
        kept[1].write(load.request(self.port, content, headers))
        async with asyncio.timeout(30):
            status, answer = await load.read_answer(kept[0])
        if kind == "limited" and status == 429:
            return b"client_rate_limited" in answer
        return status == 200 and (b"data: [DONE]" if stream else b'"chat.completion"') in answer

    async def _hang_up(self) -> bool:
        """In the middle of a stream that would never end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        content = load.body("mini", stream=True, user="open", size=2000)
        writer.write(load.request(self.port, content, {"authorization": f"Bearer {_KEYS['many']}"}))
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"data: ")
        writer.close()
        return b" 200 " in head

    async def _edit(self) -> None:
        number = 0
        text = self.policy.read_text()
        while True:
            await asyncio.sleep(_EDIT)
            text = text.replace(f"{_MARK}-{number}", f"{_MARK}-{number + 1}")
            number += 1
            await asyncio.to_thread(_replace, self.policy, text)
            self.done["edit"] += 1

    # What there is

    async def _sample(self, samples: list[Sample]) -> None:
        while True:
            samples.append(await self._now())
            await asyncio.sleep(_SAMPLE)

    async def _now(self) -> Sample:
        numbers = await self._metrics()
        return Sample(
            time.perf_counter(),
            processes.rss_bytes(self.pid),
            processes.open_files(self.pid),
            processes.connections_to(self.upstream_port),
            int(numbers["policyroute_tasks"]),
        )

    async def _metrics(self) -> dict[str, float]:
        page = await load.get(self.port, "/metrics", {"authorization": f"Bearer {_KEYS['ops']}", "connection": "close"})
        lines = [line for line in page.decode().splitlines() if line[:1] != "#"]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    async def _settled(self, before: Sample | None) -> Sample:
        """What there is once idle connections have gone: where `before` is known, as soon as it is no more."""
        end = time.perf_counter() + _SETTLED
        while True:
            now = await self._now()
            goal = before or Sample(0.0, 0, now.files, 0, now.tasks)
            left = now.upstream > goal.upstream or now.files > goal.files or now.tasks > goal.tasks
            if not left or now.at > end:
                return now
            await asyncio.sleep(1)

    def _figures(self, capacity: float, samples: Sequence[Sample], before: Sample, after: Sample) -> list[Figure]:
        warm = samples[int(len(samples) * _WARM) :]
        mib = [sample.rss / 2**20 for sample in warm]
        hours = [sample.at / 3600 for sample in warm]
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.done.items()))
        failures = ", ".join(f"{count} {kind}" for kind, count in self.failed.items())
        memory = (
            f"{mib[0]:.1f} to {mib[-1]:.1f} MiB, at most {max(mib):.1f}, over {(hours[-1] - hours[0]) * 60:.1f} min"
        )

        def left(what: str, of: Callable[[Sample], int]) -> Figure:
            detail = f"{of(before)} before, {of(after)} after, at most {max(map(of, samples))} under load"
            return Figure(what, of(after) - of(before), "", 0, detail)

        return [
            Figure("rate", capacity / 2, "/s", None, f"half of {capacity:.0f} a second: {kinds}"),
            Figure("resident memory, slope", slope(hours, mib), "MiB/h", 24, memory),
            Figure("requests failed", self.failed.total(), "", 0, failures or "none"),
            left("tasks left over", lambda sample: sample.tasks),
            left("files and sockets left over", lambda sample: sample.files),
            left("connections to providers left over", lambda sample: sample.upstream),
        ]


def run(minutes: float) -> list[Figure]:
    upstream, front = processes.free_port(), processes.free_port()
    with tempfile.TemporaryDirectory() as folder, processes.module("upstream", upstream):
        policy = Path(folder) / "bench.yaml"
        policy.write_text(policies.directory(20, f"http://127.0.0.1:{upstream}/v1", extra=_EXTRA))
        with processes.module("gateway", front, folder) as gateway:
            return asyncio.run(Soak(front, gateway.pid, upstream, policy).run(minutes))


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """By least squares."""
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    return sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread


def _drawn(rng: random.Random) -> str:
    roll = rng.random()
    for kind, share in _RARE:
        roll -= share
        if roll < 0:
            return kind
    return "json"


def _replace(file: Path, text: str) -> None:
    new = file.with_name(".new")
    new.write_text(text)
    new.replace(file)


def _client(name: str, **more: object) -> dict[str, object]:
    return {"key_sha256": sha256(_KEYS[name].encode()).hexdigest(), **more}


_EXTRA: Final = {
    "targets": {"down": {"provider": "p0", "model": "throttled", "context_window": 200_000}},
    "rules": [
        {"id": "edited", "response_headers": {"set": {"x-bench-edit": f"{_MARK}-0"}}},
        {"id": "swap", "when": 'request.model == "swap"', "route": ["down", "mini"],
         "fallback": {"retries": 0, "swap_delay": "0ms"}},
    ],
    "clients": {
        "many": _client("many", rate_limit={"rpm": 10_000_000, "tpm": 1_000_000_000, "concurrency": 1000}),
        "few": _client("few", rate_limit={"rpm": 60}),
        "ops": _client("ops", role="operator"),
    },
}  # fmt: skip
