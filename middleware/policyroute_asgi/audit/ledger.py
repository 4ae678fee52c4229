"""The chain of one process: opened, gone on with, written to.

Rule of this module: a chain goes on from the furthest that anybody knows of it. If what is on the disk does not reach
that, entries are missing, and whoever verifies the chain shall see it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from policyroute.audit import AuditRecord, Head, Marks, linked
from policyroute.audit.chain import Kind, torn
from policyroute_asgi.audit.jsonl import JsonlSink
from policyroute_asgi.audit.settings import Settings
from policyroute_asgi.audit.sink import Last, Row, Sink
from policyroute_asgi.audit.slots import Slot
from policyroute_asgi.audit.sqlite import SqliteSink

logger = logging.getLogger("policyroute.audit")

EXPORT: Final = 600.0
"""Seconds between two exports of the head, where something was written."""


class Ledger:
    """Used on one thread. `clock` gives seconds since 1970. What it is asked raises the sinks' `TROUBLE`."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._marks = Marks(settings.key)
        self._slot: Slot | None = None
        self._sink: Sink | None = None
        self._head: Head | None = None
        self._exported: Head | None = None
        self._due = 0.0

    def open(self) -> None:
        """Take a slot and write that the chain begins, or goes on. Nothing where it is open."""
        if self._sink is not None:
            return
        settings = self._settings
        settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._slot is None:
            self._slot = Slot.taken(settings.directory, settings.to[0])
        sink: Sink = (
            SqliteSink(settings.directory)
            if settings.to == "sqlite"
            else JsonlSink(settings.directory, settings.rotate, settings.keep)
        )
        try:
            head, rest = self._furthest(sink, self._slot)
            entry = self._linked(head, "restart" if head.n else "begin", {"torn": torn(rest)} if rest else {})
            sink.write([entry])
        except BaseException:
            sink.close()
            raise
        self._sink, self._head = sink, entry.head
        self.export()

    def write(self, records: Sequence[AuditRecord]) -> None:
        """Returns when they are on the disk; where it raises, none of them is."""
        if self._sink is not None and self._sink.gone():
            logger.error("AUDIT RECORDS WERE TAKEN AWAY from %s while they were written", self._settings.directory)
            self._sink.close()
            self._sink = None
        self.open()
        assert self._sink is not None
        assert self._head is not None
        rows: list[Row] = []
        head = self._head
        for record in records:
            rows.append(self._linked(head, "record", record.as_json()))
            head = rows[-1].head
        rotated = self._sink.write(rows)
        self._head = head
        if rotated:
            self._forget()
        if rotated or self._clock() >= self._due:
            self.export()

    def export(self) -> None:
        """Tell how far the chain has come, in a file and in the log."""
        self._due = self._clock() + EXPORT
        if self._slot is None or self._head is None or self._head == self._exported:
            return
        logger.info("audit head %s", self._head)
        try:
            self._slot.export(self._head)
        except OSError as error:
            logger.error("the audit head cannot be kept in %s: %s", self._settings.directory, error)
        else:
            self._exported = self._head

    def close(self) -> None:
        self.export()
        if self._sink is not None:
            self._sink.close()
        if self._slot is not None:
            self._slot.release()
        self._sink = self._slot = self._head = None

    def _furthest(self, sink: Sink, slot: Slot) -> Last:
        """Where the chain goes on."""
        last = sink.last(slot.name)
        known = self._head or slot.head
        if last is None and known is None:
            return Last(Head(f"{slot.name}-{os.urandom(4).hex()}"))
        if last is not None and (known is None or (last.head.chain == known.chain and last.head.n >= known.n)):
            return last
        assert known is not None
        logger.error("AUDIT RECORDS ARE MISSING in %s: they had come to %s", self._settings.directory, known)
        return Last(known, last.torn if last is not None else b"")

    def _linked(self, head: Head, kind: Kind, content: dict[str, Any]) -> Row:
        return Row(*linked(head, kind, content, self._marks, self._clock()))

    def _forget(self) -> None:
        """Old files, where there are more than are to be kept: first it is written that they go."""
        assert self._sink is not None
        assert self._head is not None
        try:
            if through := self._sink.surplus():
                entry = self._linked(self._head, "forget", {"through": through})
                self._sink.write([entry])
                self._head = entry.head
                self._sink.forget()
        except OSError as error:
            logger.error("old audit records cannot be deleted in %s: %s", self._settings.directory, error)
