"""Server-sent events, from bytes that may be cut anywhere.

Rule of this module: framing only. A block is one event's bytes as they came, terminator included, so that the blocks
joined are the stream again, but for a byte order mark; what a block says is read separately.
"""

from __future__ import annotations

import re
from typing import Final

MAX_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event. Images arrive as base64 in a single one."""

# An empty line: two line ends in a row. CRLF counts once, hence the lookahead. After one a CR is half of the next: what
# follows such a block may be ours, and some readers look for CRLF CRLF.
_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"
_BLANK = re.compile(rb"(?!\r?\n\r\Z)" + _LINE_END + _LINE_END)
_BOM = b"\xef\xbb\xbf"


def plain_data(chunk: bytes) -> list[bytes] | None:
    """The data of each event of a chunk that is nothing but whole `data: ` events of one line: nearly every read is."""
    if not chunk.startswith(b"data: ") or not chunk.endswith(b"\n\n") or b"\r" in chunk:
        return None
    if chunk.find(b"\n") == len(chunk) - 2:
        return [chunk[6:-2]]
    found = chunk[6:-2].split(b"\n\ndata: ")
    return found if chunk.count(b"\n") == 2 * len(found) else None


def plain_events(chunk: bytes) -> list[bytes] | None:
    """The same of a dialect that names its events: each is an `event: ` line and a `data: ` line, and no `error`."""
    if not chunk.startswith(b"event: ") or not chunk.endswith(b"\n\n") or b"\r" in chunk or b"event: error\n" in chunk:
        return None
    blocks = chunk[7:-2].split(b"\n\nevent: ")
    found = [data for _, sep, data in [block.partition(b"\ndata: ") for block in blocks] if sep]
    return found if len(found) == len(blocks) and chunk.count(b"\n") == 3 * len(found) else None


class EventTooLarge(Exception):
    """An event outgrew `MAX_EVENT` before it ended."""


class Framer:
    """Cuts a byte stream into blocks. Linear in the bytes fed, however they are cut."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._held = bytearray()
        self._seen = 0
        self._max = max_event

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks completed by this chunk. Raises EventTooLarge."""
        self._held += chunk
        blocks: list[bytes] = []
        start = 0
        # A blank line may have begun up to three bytes before this chunk.
        at = max(0, self._seen - 3)
        while match := _BLANK.search(self._held, at):
            at = match.end()
            blocks.append(bytes(self._held[start:at]).removeprefix(_BOM))
            start = at
        del self._held[:start]
        self._seen = len(self._held)
        if self._seen > self._max:
            raise EventTooLarge
        return blocks

    @property
    def empty(self) -> bool:
        """Nothing is held back."""
        return not self._held

    def rest(self) -> bytes:
        """What is held back: the beginning of an event that has not ended."""
        return bytes(self._held).removeprefix(_BOM)


def read_event(block: bytes) -> tuple[str, bytes | None]:
    """The block's event name (or empty) and its data, lines joined by newlines; None where it has no data."""
    name = ""
    found: list[bytes] = []
    for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            found.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return name, b"\n".join(found) if found else None
