"""The work that requests are part of: found when one comes, kept when one is interrupted, forgotten when it is done.

Rule of this module: only requests that say what they belong to (a conversation, a task) have any. No trouble with the
store is a request's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from policyroute.exchange import snapshot
from policyroute.exchange.commands import Checkpoint
from policyroute.exchange.integrity import Demand
from policyroute.exchange.resume import Output, Work
from policyroute.exchange.snapshot import Snapshot
from policyroute.record import ExchangeRecord
from policyroute.request import Operation
from policyroute_asgi.sessions import Sitting
from policyroute_asgi.state.store import StateError, StateStore, put_in_time, read

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
    """One request's work, and the `Keeper` of its exchange. `task` is the one that the client names, if any, `of_task`
    where its steps' `outputs` are kept. `sitting` is its part in its conversation. `before` is the last snapshot of the
    work; where it `resumes`, that is of the same request, so that the very first attempt takes over from others."""

    store: StateStore
    key: str
    task: str
    of_task: str
    demand: Demand | None
    before: Snapshot | None
    resumes: bool
    outputs: tuple[Output, ...]
    sitting: Sitting

    def work(self) -> Work | None:
        """What an attempt that takes over is told of; None where there is nothing to say: a conversation that only
        begins has no work yet, if nothing was written."""
        step = snapshot.step_of(self.sitting.request)
        earlier = self.before.earlier() if self.before is not None and self.resumes else None
        if not (self.task or step or (earlier is not None and earlier.partial)):
            return None
        schema = self.demand.schema if self.demand is not None else None
        return Work(self.task, step, self.outputs, earlier, schema)

    async def keep(self, checkpoint: Checkpoint) -> None:
        self.before = made = snapshot.taken(self.sitting.request, checkpoint, self.demand, self.before)
        self.resumes = True
        try:
            await self.store.put(_SNAPSHOT, self.key, made.written(), TTL)
        except (StateError, ValueError) as error:
            logger.error("state: a request goes on without a snapshot: %s", error)

    def keep_later(self, checkpoint: Checkpoint) -> None:
        made = snapshot.taken(self.sitting.request, checkpoint, self.demand, self.before)
        self.store.put_later(_SNAPSHOT, self.key, made.written(), TTL)

    async def done(self, text: str | None, record: ExchangeRecord) -> None:
        """The request has its answer, which says `text`. Other steps of the task may have been done meanwhile."""
        await self.sitting.answered(record)
        if self.resumes:
            self.store.put_later(_SNAPSHOT, self.key, b"", 0.0)
        if self.task and text:
            _, step = snapshot.said(self.sitting.request)
            # Nothing is waited for until they are put back.
            others = _outputs(await self.store.get(_OUTPUTS, self.of_task))
            rows = [(each.step, each.text) for each in others if each.step != step][1 - _MOST_OUTPUTS :]
            rows.append((step, text[:_LONGEST_OUTPUT]))
            await put_in_time(self.store, _OUTPUTS, self.of_task, _LIST.dump_json(rows), TTL)


async def ongoing(sitting: Sitting, tenant: str, demand: Demand | None, store: StateStore) -> Ongoing | None:
    """What a request says that it is part of: nearly none does."""
    request = sitting.request
    if request.operation is not Operation.CHAT or not (request.conversation_id or "x-task-id" in request.headers):
        return None
    task, _ = snapshot.said(request)
    key = f"{tenant}\0{request.conversation_id}\0{task}"
    of_task = f"{tenant}\0{task}"  # which may be of several conversations
    written = await store.get(_SNAPSHOT, key)
    before = snapshot.read(written) if written else None
    resumes = before is not None and before.is_of(request)
    outputs = _outputs(await store.get(_OUTPUTS, of_task)) if task else ()
    return Ongoing(store, key, task, of_task, demand, before, resumes, outputs, sitting)


def _outputs(written: bytes | None) -> tuple[Output, ...]:
    return tuple(Output(step, text) for step, text in read(_LIST, written) or ())
