"""Labelled text in what a model says, and in the bytes that are about to be sent.

Rule of this module: the same is found however a text comes in pieces, and nothing is kept of it but what the next piece
may need.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from policyroute.dialects.shapes import items, obj
from policyroute.scrub.folding import AT_ONCE, slices, squeezed, squeezed_bytes
from policyroute.scrub.traces import Traces

_LETTERS: Final = "A-Za-z0-9+/_-"
_RUN: Final = re.compile(rf"[{_LETTERS}]{{24,}}(?:\r?\n[{_LETTERS}]{{4,}})*")
"""What may be base64 or hex, on one line or more."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{24,}")
_SHORTEST: Final = 24
_CONTEXT: Final = 64
"""Letters that are kept beyond what a shingle takes as hex: a run of them is known by as many."""
_OF_RUNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-\r\n"
_IN_RUN: Final = 16_384
"""Letters of a run that are kept while its end has not come: as much is decoded at once."""
_AGAIN: Final = 1024
_PLAIN: Final = str.maketrans("-_", "+/", "\r\n")
UNSEARCHED: Final = "unsearched"
_WRITTEN: Final = bytes([*b"\t\n\r", *range(32, 127)])
MOST: Final = 1_500_000
"""Characters of a body that are looked through one by one: all that is no ASCII."""


def leaks(text: str, traces: Traces) -> frozenset[str]:
    """The names of what is found in it; `canary` for one."""
    if not traces or not text:
        return frozenset()
    if len(text) <= AT_ONCE:
        said = squeezed(text)
        return frozenset(
            [*traces.found(said), *traces.disguised(said), *_spelled(said, traces), *_hidden(text, traces)]
        )
    listening = Listening(traces)
    for piece in slices(text):
        listening.heard(piece)
    return listening.found()


def _hidden(text: str, traces: Traces) -> Iterator[str]:
    """Names of what stands in it as base64 or hex."""
    for run in _RUN.finditer(text):
        letters = run[0].translate(_PLAIN)
        for start in range(0, len(letters), _IN_RUN):
            for said in _decoded(letters[start : start + _IN_RUN + _AGAIN]):
                yield from traces.found(said)


def _spelled(said: str, traces: Traces) -> Iterator[str]:
    """Names of what stands in it as hex with something in between: spaces, or the percents of a URL."""
    for run in _HEX.finditer(said):
        for raw in _of_hex(run[0]):
            yield from traces.found(_read(raw))


def _of_hex(digits: str) -> Iterator[bytes]:
    for start in (0, 1):
        yield bytes.fromhex(digits[start : len(digits) - (len(digits) - start) % 2])


def _decoded(letters: str) -> Iterator[str]:
    """At every place where four letters, or two digits, may begin: it may be the end of something longer."""
    for start in range(4):
        whole = letters[start : len(letters) - (len(letters) - start) % 4]
        rest = letters[start + len(whole) :]
        padded = whole + rest + "=" * (4 - len(rest)) if len(rest) > 1 else whole
        yield _read(binascii.a2b_base64(padded))
    for run in _HEX.finditer(letters):
        yield from map(_read, _of_hex(run[0]))


def _read(raw: bytes) -> str:
    """Squeezed; of what begins in the middle of a letter, what is ASCII. Nothing of what is no text."""
    try:
        return squeezed(codecs.utf_8_decode(raw, "strict", False)[0])
    except UnicodeDecodeError:
        return "" if 3 * len(raw.translate(None, _WRITTEN)) > len(raw) else squeezed_bytes(raw)


class Listening:
    """To one text that comes in pieces: of one choice and channel. Keeps at most some thousand characters of it."""

    __slots__ = ("_found", "_said", "_tail", "_traces")

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._tail = ""
        self._said = ""
        self._found: set[str] = set()

    def heard(self, piece: str) -> frozenset[str]:
        """The names of all that was found so far."""
        if self._traces and piece:
            self._hear(squeezed(piece))
            self._decode(piece)
        return frozenset(self._found)

    def found(self) -> frozenset[str]:
        """The names of all that was found, if this was all."""
        return frozenset(self._found.union(_hidden(self._said, self._traces)))

    def _hear(self, new: str) -> None:
        if not new:
            return
        text = self._tail + new
        self._found.update(self._traces.found(text))
        self._found.update(self._traces.disguised(text))
        self._found.update(_spelled(text, self._traces))
        self._tail = text[max(0, len(text) - 2 * self._traces.longest - _CONTEXT) :]

    def _decode(self, piece: str) -> None:
        """Runs that ended in this piece, and so much of one that goes on as is not kept."""
        said = self._said + piece
        at = len(said.rstrip(_OF_RUNS))  # where the run begins that may go on
        if at >= _SHORTEST:
            self._found.update(_hidden(said[:at], self._traces))
        run = said[at:]
        if len(run) > _IN_RUN:
            self._found.update(_hidden(run, self._traces))
            run = run[-_AGAIN:]
        self._said = run


def overheard(answer: Any, traces: Traces) -> frozenset[str]:
    """The names of what is found in a whole answer, which is JSON: in every string, JSON in strings included."""
    return frozenset[str]().union(*(leaks(text, traces) for text in _strings(answer)))


def asserted(body: bytes, traces: Traces) -> frozenset[str]:
    """The names of what is found in a JSON body that is about to be sent: in every string, JSON in strings included.
    `UNSEARCHED` alone where there is too much to look through."""
    if not traces:
        return frozenset()
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return leaks(body.decode("utf-8", "replace"), traces)
    found: set[str] = set()
    left = MOST
    for text in _strings(value):
        left -= 0 if text.isascii() else len(text)
        if left < 0:
            return frozenset({UNSEARCHED})
        found |= leaks(text, traces)
    return frozenset(found)


def _strings(value: Any) -> Iterator[str]:
    """Names of fields included."""
    left: list[Any] = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
            if value[:1] in ("{", "[", '"'):
                left.extend(_inside(value))
        elif isinstance(value, dict):
            fields = obj(value)
            left.extend(fields.values())
            left.extend(fields)
        elif isinstance(value, list):
            left.extend(items(value))


def _inside(text: str) -> list[Any]:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return [value]
