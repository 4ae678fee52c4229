"""Labelled text in what a model says, and in the bytes that are about to be sent.

Rule of this module: the same is found however a text comes in pieces, and nothing is kept of it but what the next piece
may need.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from policyroute.scrub.shapes import items, obj
from policyroute.scrub.traces import Traces, squeezed

_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}")
"""What may be base64 or hex."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{24,}")
_WRAPPED: Final = re.compile(r"(?<=[A-Za-z0-9+/]{40})\r?\n(?=[A-Za-z0-9+/=])")
_IN_RUN: Final = 4096
"""Letters of a run that are kept while its end has not come: as much is decoded at once."""
_AGAIN: Final = 2048


def leaks(text: str, traces: Traces) -> frozenset[str]:
    """The names of what is found in it; `canary` for one."""
    if not traces or not text:
        return frozenset()
    found = set(traces.found(squeezed(text)))
    for hidden in decodings(text):
        found.update(traces.found(squeezed(hidden)))
    return frozenset(found)


def decodings(text: str) -> Iterator[str]:
    """What stands in it as base64 or hex."""
    if "\n" in text:
        text = _WRAPPED.sub("", text)
    for run in _RUN.finditer(text):
        yield from _decoded(run[0])
    for run in _HEX.finditer(text):
        yield from _from_hex(run[0])


def _decoded(run: str) -> Iterator[str]:
    """At every place where four letters may begin: it may be the end of something longer."""
    plain = run.replace("-", "+").replace("_", "/")
    for start in range(4):
        some = plain[start : len(plain) - (len(plain) - start) % 4]
        rest = plain[len(some) + start :]
        try:
            raw = base64.b64decode(some + (rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""))
        except (binascii.Error, ValueError):
            continue
        yield raw.decode("utf-8", "ignore")


def _from_hex(run: str) -> Iterator[str]:
    for start in (0, 1):
        some = run[start : len(run) - (len(run) - start) % 2]
        yield bytes.fromhex(some).decode("utf-8", "ignore")


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
        text = self._tail + new
        self._found.update(self._traces.found(text))
        self._tail = text[max(0, len(text) - self._traces.longest) :]

    def _decode(self, piece: str) -> None:
        """Runs that ended in this piece, and so much of one that goes on as is not kept."""
        said = self._said + piece
        at = _last_run(said)
        self._found.update(_hidden(said[:at], self._traces))
        run = said[at:]
        if len(run) > _IN_RUN:
            self._found.update(_hidden(run, self._traces))
            run = run[-_AGAIN:]
        self._said = run


def _hidden(text: str, traces: Traces) -> Iterator[str]:
    return (name for each in decodings(text) for name in traces.found(squeezed(each)))


def _last_run(said: str) -> int:
    """Where the run begins that may go on."""
    at = len(said)
    while at and (said[at - 1].isascii() and (said[at - 1].isalnum() or said[at - 1] in "+/_-\r\n")):
        at -= 1
    return at


def asserted(body: bytes, traces: Traces) -> frozenset[str]:
    """The names of what is found in a JSON body that is about to be sent: in every string, JSON in strings included."""
    if not traces:
        return frozenset()
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return leaks(body.decode("utf-8", "replace"), traces)
    found: set[str] = set()
    for text in _strings(value):
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
