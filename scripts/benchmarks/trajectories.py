"""Recorded runs of agents, beside the checkout, as the prompts that their gateway would have seen."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from policyroute.request.prompt import Call, Part, Prompt, Result, Text, Thought, Turn

CORPUS: Final = Path(os.environ.get("POLICYROUTE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus")
Run = dict[str, Any]


def runs() -> list[Run]:
    with gzip.open(CORPUS / "trajectories.jsonl.gz", "rb") as rows:
        return [orjson.loads(row) for row in rows]


def labels() -> list[dict[str, Any]]:
    """`id`, `label` (L: a hard loop, S: a soft stall, N: neither) and `onset`, the step at which it began."""
    found: list[dict[str, Any]] = json.loads((CORPUS / "trajectory-labels.json").read_bytes())
    return found


def turns(run: Run) -> list[Turn]:
    found = [Turn("user", (Text(run["task"] or "Do the task."),))]
    for at, step in enumerate(run["steps"]):
        found += _turns(step, f"call_{at}")
    return found


def _turns(step: dict[str, Any], id_: str) -> Iterator[Turn]:
    parts: list[Part] = []
    if step["tool"]:
        parts += [Thought(step["thought"])] if step["thought"] else []
        arguments = step["args"] if step["args"][:1] == "{" else orjson.dumps({"input": step["args"]}).decode()
        parts.append(Call(id_, step["tool"], arguments))
    else:
        parts.append(Text(step["thought"]))
    yield Turn("assistant", tuple(parts))
    if step["tool"]:
        yield Turn("user", (Result(id_, (Text(step["obs"]),)),))
    if step.get("user"):
        yield Turn("user", (Text(step["user"]),))


def prompts(run: Run) -> Iterator[tuple[int, Prompt]]:
    """What is asked after each step, which are counted from 1."""
    told: list[Turn] = []
    for at, turn in enumerate(whole := turns(run)):
        told.append(turn)
        follows = whole[at + 1].role if at + 1 < len(whole) else "assistant"
        if turn.role == "user" and follows == "assistant" and len(told) > 1:
            yield sum(each.role == "assistant" for each in told), Prompt("openai_chat", tuple(told))
