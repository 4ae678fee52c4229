"""Two headers, nothing else: conversations of all profiles under changing load, while one target fails for a while.

What each profile promises of its conversations is held against who answered each turn of them.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import orjson

from scripts.benchmarks import load, processes
from scripts.benchmarks.steady import until
from scripts.simulations.conversations import Conversation, Crowd, conversations
from scripts.simulations.lines import evenly
from scripts.simulations.report import Promise

FLOOR: Final = 0.8
"""The quality that agents are promised, and that chats may step below under load."""
QUALITY: Final = {"frontier": 0.95, "large": 0.9, "solid": 0.84, "medium": 0.72, "small": 0.6, "nano": 0.45}
FAILING: Final = "frontier"

_POLICY: Final = Path(__file__).with_name("sessions.yaml")


class Stretch(NamedTuple):
    """`share` of all requests. `fails`: the failing target does."""

    name: str
    share: float
    busy: bool = False
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`places`: of each worker. `thinks` is how long the largest models think, seconds."""

    conversations: int = 10_000
    turns: int = 8
    workers: int = 4
    places: int = 40
    thinks: float = 0.2
    seed: int = 7

    def at_once(self, stretch: Stretch) -> int:
        """Requests: half more than there are places, or a third of that many."""
        return int(self.workers * self.places * (1.5 if stretch.busy else 0.3))


STRETCHES: Final = (
    Stretch("quiet", 0.25),
    Stretch("busy", 0.25, busy=True),
    Stretch("busy, one target fails", 0.15, busy=True, fails=True),
    Stretch("quiet, one target fails", 0.10, fails=True),
    Stretch("quiet again", 0.25),
)


def run(plan: Plan) -> list[Promise]:
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> list[Promise]:
    rng = random.Random(plan.seed)
    total = plan.conversations * plan.turns
    crowd = Crowd(conversations(plan.conversations, plan.turns, rng), max(100, plan.conversations // 10), rng)
    async with _gateway(plan) as (front, upstream, desk):
        began = time.perf_counter()
        for number, stretch in enumerate(STRETCHES):
            await _control(upstream, [FAILING] if stretch.fails else [], plan.thinks)
            if number and STRETCHES[number - 1].fails and not stretch.fails:
                await until(partial(_none_rests, desk))  # whoever does not stay where it is could go back now
            last = stretch is STRETCHES[-1]
            lines = await evenly(front, await _pids(desk), plan.at_once(stretch))
            await crowd.talk(front, number, total if last else int(total * stretch.share), lines)
        took = time.perf_counter() - began
    return judged(crowd.over, crowd.failed, crowd.turned_away, took)


@asynccontextmanager
async def _gateway(plan: Plan) -> AsyncGenerator[tuple[int, int, httpx.AsyncClient]]:
    """(its port, that of the models, its operator's pages), once all its workers serve."""
    front, upstream = processes.free_port(), processes.free_port()
    with (
        tempfile.TemporaryDirectory() as made,
        processes.module("upstream", upstream, package="scripts.simulations"),
    ):
        folder = Path(made)
        (folder / "policies").mkdir()
        policy = _POLICY.read_text().replace("UPSTREAM", f"http://127.0.0.1:{upstream}")
        (folder / "policies" / "policy.yaml").write_text(policy)
        options = ["--workers", str(plan.workers), "--concurrency", str(plan.places)]
        options += ["--state-dir", str(folder / "state"), "--operator", f"unix:{folder / 'operator'}"]
        transport = httpx.AsyncHTTPTransport(uds=str(folder / "operator"))
        with processes.module("gateway", front, str(folder / "policies"), *options):
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as desk:
                await until(partial(_all_serve, desk, plan.workers))
                yield front, upstream, desk


async def _all_serve(desk: httpx.AsyncClient, workers: int) -> bool:
    return len(await _pids(desk)) == workers


async def _pids(desk: httpx.AsyncClient) -> list[int]:
    """Of the workers that serve."""
    page = (await desk.get("/-/policy")).json()
    return [each["pid"] for each in page["workers"] if each["state"] == "serving"]


async def _none_rests(desk: httpx.AsyncClient) -> bool:
    return "policyroute_cooling{" not in (await desk.get("/metrics")).text


async def _control(upstream: int, failing: list[str], pause: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream)
    body = orjson.dumps({"failing": failing, "pause": pause})
    writer.write(load.request(upstream, body, path="/control"))
    await load.read_answer(reader)
    writer.close()


# What was promised ---------------------------------------------------------------------------------------------------


def judged(
    over: list[Conversation], failed: Counter[tuple[str, str]], turned_away: Counter[str], took: float
) -> list[Promise]:
    """`failed`: requests by profile, and what was told. `turned_away`: how often, by profile. `took` seconds."""
    by_profile: dict[str, list[Conversation]] = {}
    for one in over:
        by_profile.setdefault(one.profile, []).append(one)
    turns = sum(len(one.turns) for one in over)
    told = ", ".join(f"{profile} {what}: {count}" for (profile, what), count in sorted(failed.items()))
    return [
        Promise("all", "conversations, turns answered", f"{len(over):,}, {turns:,} in {took:.0f} s"),
        Promise("all", "no request fails", f"{failed.total()} {told}".strip(), failed.total() == 0),
        Promise("all", "turned away first, and back later", _told(turned_away) or "none", _in_order(turned_away)),
        *agents(by_profile.get("AGENT", [])),
        *chats(by_profile.get("CHAT", [])),
        batches(by_profile.get("BATCH", [])),
        savings(by_profile.get("SAVINGS", [])),
    ]


def _in_order(turned_away: Counter[str]) -> bool:
    """Whoever goes before another was turned away no more often, and agents not at all."""
    counts = [turned_away[profile] for profile in ("BATCH", "SAVINGS", "CHAT", "AGENT")]
    return counts == sorted(counts, reverse=True) and not turned_away["AGENT"]


def agents(over: list[Conversation]) -> list[Promise]:
    outage = next(number for number, stretch in enumerate(STRETCHES) if stretch.fails)
    one = moved = 0
    wrong: list[str] = []
    for each in over:
        moves = [(a, b) for a, b in zip(each.turns, each.turns[1:], strict=False) if a.model != b.model]
        if not moves:
            one += 1
        elif len(moves) == 1 and moves[0][0].model == FAILING and moves[0][1].stretch >= outage:
            moved += 1
        else:
            wrong.append(each.id)
    below = sum(QUALITY[turn.model] < FLOOR for each in over for turn in each.turns)
    counted = f"{one:,} by one, {moved:,} moved once from {FAILING} while or after it failed, {len(wrong)} otherwise"
    return [
        Promise("AGENT", "one model, or moved once because of the failure", counted, not wrong and moved > 0),
        Promise("AGENT", f"never below quality {FLOOR}", f"{below} turns", below == 0),
    ]


def chats(over: list[Conversation]) -> list[Promise]:
    """Below the floor under load, and only then."""
    numbers = range(len(STRETCHES))
    counted = "; ".join(f"{STRETCHES[number].name} {_share_below(over, {number}):.1%}" for number in numbers)
    busy = _share_below(over, {number for number in numbers if STRETCHES[number].busy})
    quiet = _share_below(over, {number for number in numbers if not STRETCHES[number].busy})
    held = busy > 1 / 3 and quiet < 0.01
    return [Promise("CHAT", f"steps down and comes back: turns below quality {FLOOR}", counted, held)]


def _share_below(over: list[Conversation], stretches: set[int]) -> float:
    turns = [turn for each in over for turn in each.turns if turn.stretch in stretches]
    return sum(QUALITY[turn.model] < FLOOR for turn in turns) / max(1, len(turns))


def batches(over: list[Conversation]) -> Promise:
    """No account gets more than twice its part."""
    accounts = Counter(turn.account for each in over for turn in each.turns)
    models = Counter(turn.model for each in over for turn in each.turns)
    most = max(accounts.values(), default=0) / max(1, accounts.total())
    held = len(accounts) >= 3 and most <= 0.5
    return Promise("BATCH", "spread over accounts", f"{_told(accounts)} ({_told(models)})", held)


def savings(over: list[Conversation]) -> Promise:
    kinds = Counter(("long" if each.long else "short", turn.model) for each in over for turn in each.turns)
    right = {("short", "nano"), ("long", "small")}
    counted = _told({f"{kind} to {model}": count for (kind, model), count in kinds.items()})
    return Promise("SAVINGS", "the cheapest that fits", counted, bool(kinds) and set(kinds) <= right)


def _told(counts: Counter[str] | dict[str, int]) -> str:
    pairs: Iterable[tuple[str, int]] = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count:,}" for name, count in pairs)
