"""The work that requests are part of: found when one comes, kept when one is interrupted, forgotten when it is done.

Rule of this module: only requests that say what they belong to (a conversation, a task) have any. No trouble with the
store is a request's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from policyroute.exchange import snapshot
from policyroute.exchange.commands import Checkpoint
from policyroute.exchange.integrity import Demand
from policyroute.exchange.resume import Output, Work
from policyroute.exchange.snapshot import Snapshot
from policyroute.request import ModelRequest
from policyroute_asgi.state.store import StateError, StateStore, put_in_time

logger = logging.getLogger("policyroute.state")

TTL: Final = 24 * 3600.0
"""Seconds that it is kept."""
_SNAPSHOT: Final = "snapshot"
_OUTPUTS: Final = "outputs"
_MOST_OUTPUTS: Final = 32
_LONGEST_OUTPUT: Final = 8_192
"""Of a task: steps whose outputs are kept, and characters of each."""

_LIST: Final = TypeAdapter(list[tuple[str, str]])


@dataclass(slots=True)
class Ongoing:
    """One request's work, and the `Keeper` of its exchange. `before` is the last snapshot of it, `outputs` are those of
    the task's steps."""

    store: StateStore
    key: str
    request: ModelRequest
    demand: Demand | None
    before: Snapshot | None = None
    outputs: tuple[Output, ...] = ()
    kept: bool = False

    @property
    def keeps_text(self) -> bool:
        """Whether what the request is answered is of use to later ones."""
        return bool(snapshot.said(self.request)[0])

    @property
    def resumes(self) -> bool:
        """Whether the very first attempt takes over from others."""
        return self.before is not None and self.before.is_of(self.request)

    def work(self) -> Work | None:
        """What an attempt that takes over is told of; None where there is nothing to say: a conversation that only
        begins has no work yet, if nothing was written."""
        task, _ = snapshot.said(self.request)
        step = snapshot.step_of(self.request)
        earlier = self.before.earlier() if self.before is not None and self.resumes else None
        if not (task or step or (earlier is not None and earlier.partial)):
            return None
        schema = self.demand.schema if self.demand is not None else None
        return Work(task, step, self.outputs, earlier, schema)

    async def keep(self, checkpoint: Checkpoint) -> None:
        self.before = made = snapshot.taken(self.request, checkpoint, self.demand, self.before)
        self.kept = True
        try:
            await self.store.put(_SNAPSHOT, self.key, made.written(), TTL)
        except (StateError, ValueError) as error:
            logger.error("state: a request goes on without a snapshot: %s", error)

    def keep_later(self, checkpoint: Checkpoint) -> None:
        made = snapshot.taken(self.request, checkpoint, self.demand, self.before)
        self.store.put_later(_SNAPSHOT, self.key, made.written(), TTL)

    async def done(self, text: str | None) -> None:
        """The request has its answer, which says `text`. Other steps of the task may have been done meanwhile."""
        if self.kept or self.resumes:
            self.store.put_later(_SNAPSHOT, self.key, b"", 0.0)
        task, step = snapshot.said(self.request)
        if task and text:
            place = _task_key(self.key, task)
            others = _outputs(await self.store.get(_OUTPUTS, place))  # nothing is waited for until they are put back
            rows = [(each.step, each.text) for each in others if each.step != step][1 - _MOST_OUTPUTS :]
            rows.append((step, text[:_LONGEST_OUTPUT]))
            await put_in_time(self.store, _OUTPUTS, place, _LIST.dump_json(rows), TTL)


def is_part(request: ModelRequest) -> bool:
    """Whether it says what it belongs to."""
    return bool(request.conversation_id) or "x-task-id" in request.headers


async def ongoing(request: ModelRequest, tenant: str, demand: Demand | None, store: StateStore) -> Ongoing:
    """Of a request that is part of something."""
    task, _ = snapshot.said(request)
    key = f"{tenant}\0{request.conversation_id}\0{task}"
    found = Ongoing(store, key, request, demand)
    written = await store.get(_SNAPSHOT, key)
    if written:
        found.before = snapshot.read(written)
    if task:
        found.outputs = _outputs(await store.get(_OUTPUTS, _task_key(key, task)))
    return found


def _task_key(key: str, task: str) -> str:
    """A task may be of several conversations."""
    return f"{key.partition(chr(0))[0]}\0{task}"


def _outputs(written: bytes | None) -> tuple[Output, ...]:
    try:
        return tuple(Output(step, text) for step, text in _LIST.validate_json(written or b"[]"))
    except ValidationError:
        return ()
