"""What was labelled in a conversation: a later request may not label it any more, and still hold what a model said.

Rule of this module: of a conversation, encrypted where it is on disk, for a time; the latest where there is too much.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from policyroute.clearance import Clearance
from policyroute.scrub.traces import Trace
from policyroute_asgi.state.store import StateStore, read, update_in_time

MOST: Final = 256 * 1024
"""Characters of all of them."""
_KIND: Final = "labelled"
_ROWS: Final = TypeAdapter(list[tuple[str, Clearance, str]])


class Labels:
    """All conversations', in the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def found(self, conversation: str) -> tuple[Trace, ...]:
        return _traces(await self._store.get(_KIND, conversation))

    async def keep(
        self, conversation: str, known: tuple[Trace, ...], now: Iterable[Trace], ttl: float
    ) -> tuple[Trace, ...]:
        """For `ttl` seconds from now, before anybody is told of what is labelled `now`, beside what was `known`: what
        is known from then on."""
        new = [trace for trace in now if trace not in known]
        if not new:
            if known:
                self._store.keep_longer(_KIND, conversation, ttl)
            return known
        await update_in_time(self._store, _KIND, conversation, partial(_merged, new), ttl)
        return (*known, *new)


def _merged(new: list[Trace], kept: bytes | None) -> bytes:
    """The latest of them, as many as there is room for."""
    before = _traces(kept)
    rows, size = list[Trace](), 0
    for trace in reversed((*before, *(trace for trace in new if trace not in before))):
        size += len(trace.text)
        if size > MOST:
            break
        rows.append(trace)
    return _ROWS.dump_json([(trace.name, trace.label, trace.text) for trace in reversed(rows)])


def _traces(kept: bytes | None) -> tuple[Trace, ...]:
    return tuple(Trace(*row) for row in read(_ROWS, kept) or [])
