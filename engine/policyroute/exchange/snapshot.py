"""Where a request stands whose attempt is over: written down so that whoever is asked the same again can take over.

Rule of this module: values and bytes. Messages are known by their hashes; what is new of them since the last snapshot
of the same work is in it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from policyroute.dialects.shapes import dumps
from policyroute.exchange.commands import Checkpoint
from policyroute.exchange.integrity import Demand
from policyroute.exchange.resume import Earlier
from policyroute.exchange.seam import common
from policyroute.request import Message, ModelRequest
from policyroute.request.prompt import Call, Result

MOST: Final = 1024 * 1024
"""Bytes of a snapshot. Of what is larger the new messages are left out."""
_LONGEST: Final = 256
"""Characters of what a client says that it is doing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`messages` are hashes, each of a message and all before it; `delta` are those messages that the snapshot before
    had not (role and text). `pending` are tools that were called and have no result yet. `by` and `to` are a provider
    and its model; `causes` why attempts ended, in order."""

    messages: tuple[str, ...]
    delta: tuple[tuple[str, str], ...] = field(repr=False)
    system: str = field(repr=False)
    task: str
    step: str
    partial: str = field(repr=False)
    pending: tuple[tuple[str, str], ...] = field(repr=False)
    schema: dict[str, Any] | None = field(repr=False)
    causes: tuple[str, ...]
    by: tuple[str, str]
    to: tuple[str, str] | None
    format: Literal[1] = 1

    def written(self) -> bytes:
        return _JSON.dump_json(self)

    def earlier(self) -> Earlier:
        return Earlier(self.causes[-1], *self.by, self.partial)

    def is_of(self, request: ModelRequest) -> bool:
        """Whether the request asks the same: with the same messages, or as the same step of the same task."""
        task, step = said(request)
        return self.messages == hashes(request.messages) or (
            bool(task and step) and (task, step) == (self.task, self.step)
        )


_JSON: Final = TypeAdapter(Snapshot)


def read(written: bytes) -> Snapshot | None:
    """None where it is none, or of another format."""
    try:
        return _JSON.validate_json(written)
    except ValidationError:
        return None


def taken(request: ModelRequest, checkpoint: Checkpoint, demand: Demand | None, before: Snapshot | None) -> Snapshot:
    """`before` is the last one of the same work."""
    task, step = said(request)
    chain = hashes(request.messages)
    known = common(chain, before.messages) if before is not None else 0
    new = [(message.role, message.text) for message in request.messages[known:]]
    earlier = before if before is not None and before.is_of(request) else None
    partial = checkpoint.said or (earlier.partial if earlier is not None else "")
    causes = earlier.causes if earlier is not None else ()
    following = checkpoint.following
    small = sum(len(text) for _, text in new) + len(partial) < MOST // 4
    return Snapshot(
        messages=chain,
        delta=tuple(new) if small else (),
        system=request.system if small else "",
        task=task,
        step=step,
        partial=partial if len(partial) < MOST // 4 else "",
        pending=_pending(request),
        schema=dict(demand.schema) if demand is not None and small else None,
        causes=(*causes[-15:], checkpoint.cause),
        by=(checkpoint.candidate.provider.name, checkpoint.candidate.model),
        to=(following.provider.name, following.model) if following is not None else None,
    )


def said(request: ModelRequest) -> tuple[str, str]:
    """The task and the step of it that the client names, either may be empty: one line, and not long."""
    return _line(request.headers.get("x-task-id", "")), _line(request.headers.get("x-task-step", ""))


def step_of(request: ModelRequest) -> str:
    """The step as the client names it, else as it follows from its messages; empty for the first of a conversation."""
    _, step = said(request)
    if step:
        return step
    turns = sum(message.role == "assistant" for message in request.messages)
    return f"turn {turns + 1} of the conversation" if turns else ""


def hashes(messages: Sequence[Message]) -> tuple[str, ...]:
    chain: list[str] = []
    last = b""
    for message in messages:
        calls = [[call.id, call.name, call.arguments] for call in message.tool_calls]
        digest = hashlib.sha256(last + dumps([message.role, message.text, calls, message.has_image]))
        last = digest.digest()
        chain.append(digest.hexdigest()[:32])
    return tuple(chain)


def _line(given: str) -> str:
    return "".join(char if char.isprintable() else " " for char in given[:_LONGEST]).strip()


def _pending(request: ModelRequest) -> tuple[tuple[str, str], ...]:
    """By name and arguments."""
    parts = [part for turn in request.prompt.turns for part in turn.parts]
    given = {part.call_id for part in parts if isinstance(part, Result)}
    return tuple((part.name, part.arguments) for part in parts if isinstance(part, Call) and part.id not in given)
