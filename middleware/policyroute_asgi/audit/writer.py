"""The thread that writes records, for all attempts that wait.

Rule of this module: whatever waits is written at once, and synced once. The event loop never waits for the disk, and is
told once for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from policyroute.audit import AuditRecord
from policyroute_asgi.audit.ledger import EXPORT, Ledger
from policyroute_asgi.audit.settings import Settings
from policyroute_asgi.audit.sink import TROUBLE

logger = logging.getLogger("policyroute.audit")

_BATCH: Final = 500
"""Records of one write."""
_AGAIN: Final = 1.0
"""Seconds until what could not be written is tried again."""
_PATIENCE: Final = 5.0
"""Seconds for what waits to be written, at the end."""

Settled = asyncio.Future[str | None]
"""None where it was written, else why not."""


Count = Callable[[str, int], None]
"""Told how many records were `written`, `refused` or `lost`, on whatever thread."""


class _Waiting(NamedTuple):
    record: AuditRecord
    settled: Settled | None


class Writer:
    """Writes until it is closed. Made and used on one event loop; `after` is the one whose slot it takes over, `count`
    is told of all that is written or lost.

    `opened` has what is wrong where the chain could not be opened. It is tried again with each record.
    """

    def __init__(self, settings: Settings, count: Count, after: Writer | None = None) -> None:
        self.opened: Settled = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pending = 0
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._before = after
        self._thread: threading.Thread = threading.Thread(target=self._run, name="policyroute-audit", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Records that are not written yet."""
        return self._pending

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def put(self, record: AuditRecord, settled: Settled | None = None) -> None:
        """Have it written; `settled` is told of that. Without it, it is kept until it can be."""
        with self._lock:
            self._pending += 1
        self._queue.put(_Waiting(record, settled))

    def close(self) -> None:
        """What waits is written, and that is the end. Nothing may be put after that."""
        self._queue.put(None)

    async def closed(self) -> None:
        """Returns when it has ended, or after a moment."""
        await asyncio.to_thread(self._thread.join, _PATIENCE)

    # On the writer's thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self._before is not None:
            self._before._thread.join(_PATIENCE)
            self._before = None
        ledger = Ledger(self._settings)
        self._tell([self.opened], self._open(ledger))
        kept: list[_Waiting] = []
        open_ended = True
        while open_ended:
            batch, open_ended = self._next(_AGAIN if kept else EXPORT)
            kept = self._write(ledger, [*kept, *batch])
            if not batch:
                ledger.export()
        if kept:
            logger.error("%d AUDIT RECORDS ARE LOST: they could not be written until the end", len(kept))
            self._count("lost", len(kept))
        with suppress(*TROUBLE):
            ledger.close()

    def _open(self, ledger: Ledger) -> str | None:
        try:
            ledger.open()
        except TROUBLE as error:
            return self._said(error)
        return None

    def _next(self, patience: float) -> tuple[list[_Waiting], bool]:
        """What waits, at most so many, and whether more may come."""
        batch: list[_Waiting] = []
        try:
            waiting = self._queue.get(timeout=patience)
            while waiting is not None:
                batch.append(waiting)
                if len(batch) == _BATCH:
                    return batch, True
                waiting = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, ledger: Ledger, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Those that have to be tried again."""
        # Who has given up waiting has not sent anything either.
        wanted = [each for each in batch if each.settled is None or not each.settled.done()]
        trouble = None
        kept: list[_Waiting] = []
        if wanted:
            try:
                ledger.write([each.record for each in wanted])
            except Exception as error:  # noqa: BLE001 - whatever it is: they wait for an answer, and others come
                trouble = self._said(error)
                kept = [each for each in wanted if each.settled is None]
                if not isinstance(error, TROUBLE):  # a bug, which would be met again and again
                    self._count("lost", len(kept))
                    kept = []
            else:
                self._count("written", len(wanted))
        with self._lock:
            self._pending -= len(batch) - len(kept)
        self._tell([each.settled for each in wanted if each.settled is not None], trouble)
        return kept

    def _said(self, error: Exception) -> str:
        said = str(error) if isinstance(error, TROUBLE) else type(error).__name__
        logger.error("audit: cannot write to %s: %s", self._settings.directory, said)
        return said

    def _tell(self, futures: Sequence[Settled], trouble: str | None) -> None:
        with suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(_settle, futures, trouble)


def _settle(futures: Sequence[Settled], trouble: str | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(trouble)
