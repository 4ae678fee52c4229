"""What a record of an attempt costs: the process's CPU, how long an attempt waits for it, and to verify them all."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from policyroute.audit import Amount, AuditRecord, Cause, Cut, Holder, Marks, Receiver, Volume, verify
from policyroute.policy.audits import To
from policyroute_asgi.audit import stored
from policyroute_asgi.audit.auditor import Auditor
from policyroute_asgi.audit.settings import Settings
from scripts.benchmarks.report import Figure, percentile

_KEY: Final = b"k" * 32
_AT_ONCE: Final = 16
_RECORD: Final = AuditRecord(
    id="a-1",
    time=0.0,
    tenant="acme",
    client="ci",
    request_id="q-1",
    decision_id="d-1",
    conversation=Marks(_KEY).conversation("acme", "c"),
    attempt=2,
    sender=Holder("openai", "us", "internal"),
    to=Receiver("eu", "frankfurt", "qwen3", "eu", "confidential"),
    boundary=True,
    phase="before_first_byte",
    before=Volume(4500, 1100, {"system": Amount(2500, 600), "user": Amount(2000, 500)}),
    after=Volume(4100, 1000, {"system": Amount(2100, 500), "user": Amount(2000, 500)}),
    decision="forwarded",
    revision="0" * 64,
    cause=Cause("rate_limited", 429),
    cuts=tuple(Cut("scrub", "system", "confidential", "dropped", 100, 0, "0" * 32) for _ in range(4)),
    redactions={"email": 2, "phone": 1},
    wire_bytes=4300,
    body="0" * 32,
    exposure={"openai": {"internal": 4500}, "frankfurt": {"internal": 4100}},
)


def run(scale: float) -> list[Figure]:
    return asyncio.run(_run(int(2000 * scale)))


async def _run(count: int) -> list[Figure]:
    figures: list[Figure] = []
    kinds: tuple[To, ...] = ("jsonl", "sqlite")
    for to in kinds:
        for buffer in (0, 10 * count * _AT_ONCE):
            how = f"{to}, {'buffer' if buffer else 'fail_closed'}"
            for at_once in (1, _AT_ONCE):
                with tempfile.TemporaryDirectory() as folder:
                    figures += await _written(Settings(Path(folder), _KEY, to, buffer=buffer), how, at_once, count)
    return figures


async def _written(settings: Settings, how: str, at_once: int, count: int) -> list[Figure]:
    waits: list[float] = []
    cpu = time.process_time()
    async with _auditor(settings) as auditor:

        async def attempts() -> None:
            for _ in range(count):
                began = time.perf_counter()
                assert await auditor.written(_RECORD) is None
                waits.append(time.perf_counter() - began)

        await asyncio.gather(*(attempts() for _ in range(at_once)))
    cpu = time.process_time() - cpu
    what, records = f"{how}, {at_once} at once", len(waits)
    p50, p99 = (percentile(waits, share) * 1e3 for share in (0.5, 0.99))
    figures = [Figure(f"a record: {what}", cpu / records * 1e6, "µs", None, f"waits p50 {p50:.2f}, p99 {p99:.2f} ms")]
    if at_once > 1 and not settings.buffer:
        began = time.perf_counter()
        found = [verify(chain, lines, [Marks(_KEY)], ()) for chain, lines in stored.chains(settings.directory).items()]
        assert sum(each.records for each in found) == records
        took = (time.perf_counter() - began) / records * 1e6
        figures.append(Figure(f"to verify a record: {settings.to}", took, "µs"))
    return figures


@asynccontextmanager
async def _auditor(settings: Settings) -> AsyncGenerator[Auditor]:
    auditor = Auditor(lambda: settings)
    await auditor.start()
    try:
        yield auditor
    finally:
        await auditor.aclose()
