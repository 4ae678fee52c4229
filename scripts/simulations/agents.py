"""Agents that now and then go round in circles, with the AGENT profile and without: how they come out of it.

An agent here is a loop as clients have it: it sends its whole history, does what the model calls for, and sends that.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn

from scripts.benchmarks import load, processes
from scripts.simulations.report import Promise
from scripts.simulations.solver import FINISHED, TOOLS, Action, Shown, Solver, acted
from scripts.simulations.upstream import words

BUDGET: Final = 40
"""Requests of one conversation, as the policy has it."""
_POLICY: Final = Path(__file__).with_name("agents.yaml")
_AT_ONCE: Final = 8
_LOOP: Final = 2
"""Repetitions one after the other that are a loop."""
_PARAMETERS: Final = {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}


@dataclass(frozen=True, slots=True)
class Plan:
    agents: int = 300
    seed: int = 7


@dataclass(slots=True)
class Run:
    """One agent's. `end`: `finished`, the code it was stopped with, or what went wrong."""

    number: int
    actions: list[Action] = field(default_factory=list[Action])
    end: str = ""
    requests: list[Shown] = field(default_factory=list[Shown])


@dataclass(frozen=True, slots=True)
class Loop:
    """`left` None: the agent never came out of it; else the request whose answer was something new. `requests`: those
    that showed it."""

    requests: list[Shown]
    left: Shown | None

    @property
    def nudged(self) -> bool:
        """Told, with all of it before its eyes."""
        return any(shown.told and not shown.hidden for shown in self.requests)

    @property
    def pruned(self) -> bool:
        return any(shown.hidden for shown in self.requests)

    @property
    def by_nudge(self) -> bool:
        return self.left is not None and self.left.told and not self.left.hidden

    @property
    def by_prune(self) -> bool:
        return self.left is not None and self.left.hidden > 0


def run(plan: Plan) -> list[Promise]:
    bare = asyncio.run(_run(plan, None))
    watched = asyncio.run(_run(plan, "AGENT"))
    return judged(bare, watched)


async def _run(plan: Plan, profile: str | None) -> list[Run]:
    solver = Solver(plan.seed)
    runs = [Run(number) for number in range(plan.agents)]
    waiting = iter(runs)
    async with _gateway(solver) as port, asyncio.timeout(600), asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(_agents(port, waiting, profile))
    for each in runs:
        each.requests = solver.requests[each.number]
    return runs


@asynccontextmanager
async def _gateway(solver: Solver) -> AsyncGenerator[int]:
    """Its port."""
    front, upstream = processes.free_port(), processes.free_port()
    server = uvicorn.Server(uvicorn.Config(solver, port=upstream, log_level="error", access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    with tempfile.TemporaryDirectory() as made:
        policy = _POLICY.read_text().replace("UPSTREAM", f"http://127.0.0.1:{upstream}")
        (Path(made) / "policy.yaml").write_text(policy)
        with processes.module("gateway", front, made):
            yield front
    server.should_exit = True
    await serving


# The client ----------------------------------------------------------------------------------------------------------


async def _agents(port: int, waiting: Iterator[Run], profile: str | None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for run in waiting:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": f"You are agent {run.number}. Work through all rows, one after the other."},
            {"role": "user", "content": f"See to the rows of the table {words(3, run.number)}."},
        ]
        while not run.end:
            writer.write(_request(port, run, messages, profile))
            status, answer = await load.read_answer(reader)
            _hear(run, messages, status, orjson.loads(answer))
    writer.close()


def _request(port: int, run: Run, messages: list[dict[str, Any]], profile: str | None) -> bytes:
    tools = [
        {"type": "function", "function": {"name": name, "description": name, "parameters": _PARAMETERS}}
        for name in TOOLS
    ]
    headers = {"X-Conversation-ID": f"agent-{run.number}"} | ({"X-Router-Profile": profile} if profile else {})
    return load.request(port, orjson.dumps({"model": "auto", "messages": messages, "tools": tools}), headers)


def _hear(run: Run, messages: list[dict[str, Any]], status: int, answer: dict[str, Any]) -> None:
    if status != 200:
        run.end = answer["error"].get("code") or str(status)
        return
    message = answer["choices"][0]["message"]
    if message["content"] == FINISHED:
        run.end = "finished"
        return
    messages.append(message)
    action = acted(message)
    if action is None:
        run.end = "said what no agent understands"
        return
    run.actions.append(action)
    if not action.tool:
        messages.append({"role": "user", "content": "For account 7, as it says at the head of the table."})
        return
    result = f"row {action.step}: {words(25, f'{run.number} {action}')}"
    messages.append({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": result})


# What came of it -----------------------------------------------------------------------------------------------------


def loops(run: Run) -> list[Loop]:
    """Request `n` was answered with action `n`."""
    repeats = [action in run.actions[:number] for number, action in enumerate(run.actions)]
    found: list[Loop] = []
    at = 0
    for repeating, group in groupby(repeats):
        size = len(list(group))
        if repeating and size >= _LOOP:
            end = at + size
            left = run.requests[end] if end < len(run.requests) else None
            found.append(Loop(run.requests[at : end + 1], left))
        at += size
    return found


def judged(bare: list[Run], watched: list[Run]) -> list[Promise]:
    without, with_ = [loop for run in bare for loop in loops(run)], [loop for run in watched for loop in loops(run)]
    nudged, pruned = [loop for loop in with_ if loop.nudged], [loop for loop in with_ if loop.pruned]
    by_nudge, by_prune = sum(loop.by_nudge for loop in nudged), sum(loop.by_prune for loop in pruned)
    tokens, tokens_bare = _tokens(watched), _tokens(bare)
    saved = f"{tokens:,} for {tokens_bare:,}: {1 - tokens / tokens_bare:.0%} saved"
    over = [run for run in [*bare, *watched] if len(run.requests) > BUDGET]
    wrong = {run.end for run in [*bare, *watched]} - {"finished", "step_budget"}
    out, out_bare = _out(with_), _out(without)
    calm = sum(shown.told for run in watched if not _repeats(run) for shown in run.requests)
    return [
        Promise("without", "agents", _ends(bare)),
        Promise("AGENT", "agents", _ends(watched), _finished(watched) > _finished(bare)),
        Promise("without", "loops entered, came out of", f"{len(without)}, {out_bare:.0%}"),
        Promise("AGENT", "loops entered, came out of", f"{len(with_)}, {out:.0%}", out > out_bare),
        Promise("AGENT", "came out when told (nudge)", _share(by_nudge, len(nudged)), by_nudge > 0),
        Promise("AGENT", "came out when repetitions were gone (prune)", _share(by_prune, len(pruned)), by_prune > 0),
        Promise("AGENT", "prompt tokens that the model saw", saved, tokens < tokens_bare),
        Promise("AGENT", "told so without having repeated anything", f"{calm}", calm == 0),
        Promise("both", f"stop at the budget of {BUDGET} requests", f"{len(over)} went on", not over),
        Promise("both", "nothing else ends an agent", ", ".join(sorted(wrong)) or "nothing", not wrong),
    ]


def _repeats(run: Run) -> bool:
    return len(set(run.actions)) < len(run.actions)


def _out(loops: list[Loop]) -> float:
    return sum(loop.left is not None for loop in loops) / max(1, len(loops))


def _share(count: int, all_: int) -> str:
    return f"{count} of {all_}, {count / max(1, all_):.0%}"


def _tokens(runs: list[Run]) -> int:
    return sum(shown.tokens for run in runs for shown in run.requests)


def _finished(runs: list[Run]) -> int:
    return sum(run.end == "finished" for run in runs)


def _ends(runs: list[Run]) -> str:
    return f"{len(runs)}: {_finished(runs)} finished, {sum(run.end == 'step_budget' for run in runs)} stopped"
