"""What writes a record of each attempt before its first byte, or says that there is none.

Rule of this module: where a policy asks for records, nothing is sent without one, and no attempt waits for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from policyroute.audit import AuditRecord, Marks
from policyroute.failures import Failure, FailureKind
from policyroute_asgi.audit.settings import Settings
from policyroute_asgi.audit.writer import Count, Writer

logger = logging.getLogger("policyroute.audit")

IN_TIME: Final = 5.0
"""Seconds that an attempt waits for its record."""
MOST: Final = 100_000
"""Records that may wait to be written where attempts wait for them."""

UNWRITABLE: Final = Failure(
    FailureKind.UNAVAILABLE,
    "What is sent to providers has to be recorded, and cannot be now.",
    code="audit_unwritable",
)


class Unwritable(Exception):
    """Records have to be written, and nothing can be."""


class Auditor:
    """`current` gives what the policy in force asks for, None where that is nothing. It is asked before each record, so
    that none is missed where a policy begins to ask for them. `count` is told what becomes of records, on whatever
    thread. Used on one event loop."""

    def __init__(self, current: Callable[[], Settings | None], count: Count = lambda outcome, number: None) -> None:
        self._current = current
        self._count = count
        self._settings: Settings | None = None
        self._marks: Marks | None = None
        self._writer: Writer | None = None
        self._leaving: set[Writer] = set()

    @property
    def active(self) -> bool:
        """Whether the policy asks for records. Where it does not, nothing has to be made for them."""
        self.follow()
        return self._writer is not None

    @property
    def marks(self) -> Marks:
        """What stands for texts in records. Only where it is active."""
        self.follow()
        assert self._marks is not None, "there is no key where nothing is audited"
        return self._marks

    async def start(self) -> None:
        """Open the chain. Raises Unwritable where nothing may be sent because it cannot be."""
        self.follow()
        writer, settings = self._writer, self._settings
        if writer is None or settings is None:
            return
        trouble = await asyncio.shield(writer.opened)
        if trouble is not None and not settings.buffer:
            raise Unwritable(f"{settings.directory}: {trouble}")

    def follow(self) -> None:
        """Do what the policy in force asks for."""
        settings = self._current()
        if settings is not self._settings:
            self._use(settings)

    def _use(self, settings: Settings | None) -> None:
        """From now on records go there; those that wait are written where they were to go."""
        known, self._settings = self._settings, settings
        if settings == known:
            return
        before = self._writer
        self._marks = Marks(settings.key) if settings is not None else None
        self._writer = Writer(settings, self._count, before) if settings is not None else None
        if before is not None:
            before.close()
            self._leaving = {before, *(each for each in self._leaving if not each.ended)}

    async def written(self, record: AuditRecord) -> Failure | None:
        """Returns when the record is on the disk or, where the policy lets records wait, when it is known to be
        written later. A failure: nothing may be sent."""
        self.follow()
        writer, settings = self._writer, self._settings
        if writer is None or settings is None:
            return None
        if writer.pending >= (settings.buffer or MOST):
            return self._refused()
        if settings.buffer:
            writer.put(record)
            return None
        settled: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        writer.put(record, settled)
        try:
            async with asyncio.timeout(IN_TIME):
                return None if await settled is None else self._refused()
        except TimeoutError:
            logger.error("audit: a record has not been written for %.0f seconds: its attempt is not made", IN_TIME)
            return self._refused()

    def _refused(self) -> Failure:
        self._count("refused", 1)
        return UNWRITABLE

    async def aclose(self) -> None:
        """What waits is written, or given up after a moment."""
        self._current = lambda: None
        self._use(None)
        leaving, self._leaving = self._leaving, set()
        for writer in leaving:
            await writer.closed()
