"""A chain of entries: each names the one before it by its hash, and is sealed with the auditing key.

Rule of this module: the hash is of the bytes that are written, so that whoever looks at a file needs no rule for how
JSON is spelled: it is the sha256 of the line up to `,"hash":`, with a closing brace. Who changes an entry has to make
all that follow anew, and cannot seal them without the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeGuard

import orjson

from policyroute.audit.marks import Marks

VERSION: Final = 1
NOTHING: Final = "0" * 64
"""What stands for the hash before the first entry."""

Kind = Literal["begin", "record", "restart", "forget"]
"""`begin` is the first of a chain, `restart` the first that a process adds to one that was there, `forget` says up to
where old entries were deleted by the gateway itself."""

_ENDING: Final = re.compile(rb',"hash":"([0-9a-f]{64})","mac":"([0-9a-f]{64})"\}')
_ENDING_SIZE: Final = len(b',"hash":"","mac":""}') + 128
_HEAD: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """Where a chain has come to: the number and the hash of its last entry; 0 where there is none."""

    chain: str
    n: int = 0
    hash: str = NOTHING

    def __str__(self) -> str:
        """One word, as `of` reads it."""
        return f"{self.chain}:{self.n}:{self.hash}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError for what is no head."""
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise ValueError("not a head: CHAIN:NUMBER:HASH")
        return cls(found[1], int(found[2]), found[3])


def heads_in(text: str) -> list[Head]:
    """Those that stand somewhere in a text, such as a log."""
    return [Head(found[1], int(found[2]), found[3]) for found in _HEAD.finditer(text)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `key` is the id of the key it is sealed with; `intact`: its hash fits."""

    chain: str
    n: int
    prev: str
    key: str
    time: float
    kind: str
    content: dict[str, Any]
    hash: str
    mac: str
    intact: bool

    @property
    def head(self) -> Head:
        return Head(self.chain, self.n, self.hash)


def linked(head: Head, kind: Kind, content: dict[str, Any], marks: Marks, time: float) -> tuple[bytes, Head]:
    """The line that comes after `head`, without its newline, and the head that it is. `time` is seconds since 1970,
    `content` JSON-safe."""
    n = head.n + 1
    named = {"v": VERSION, "chain": head.chain, "n": n, "prev": head.hash, "key": marks.id, "time": time, "kind": kind}
    body = _written({**named, "content": content})
    hash = hashlib.sha256(body).hexdigest()
    line = b'%b,"hash":"%b","mac":"%b"}' % (body[:-1], hash.encode(), marks.seal(hash).encode())
    return line, Head(head.chain, n, hash)


def _written(value: dict[str, Any]) -> bytes:
    """As JSON. A client's id may have half a character in it: a record is not lost for that."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")))


def read(line: bytes) -> Entry | None:
    """The entry that a line, without its newline, claims to be; None where it is none at all."""
    ending = _ENDING.fullmatch(line[-_ENDING_SIZE:])
    if ending is None:
        return None
    body = line[:-_ENDING_SIZE] + b"}"
    try:
        said: Any = orjson.loads(body)
        chain, n, prev, key, time, kind, content = (said[name] for name in _NAMES)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    typed = all(isinstance(each, str) for each in (chain, prev, key, kind)) and isinstance(n, int)
    if not (typed and isinstance(time, int | float) and _is_map(content)):
        return None
    hash, mac = ending[1].decode(), ending[2].decode()
    return Entry(chain, n, prev, key, time, kind, content, hash, mac, hashlib.sha256(body).hexdigest() == hash)


def _is_map(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


_NAMES: Final = ("chain", "n", "prev", "key", "time", "kind", "content")


def torn(rest: bytes) -> dict[str, Any]:
    """What a `restart` says of the piece of a line that a process left when it was killed."""
    return {"bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}
