"""Answers as files: kept while probing, and answered from without a network or a key.

Rule of this module: no secret is written. Of headers only those on a list, of a body no key that it was asked with.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from policyroute.decide.decision import Candidate
from policyroute.exchange.payload import Outbound
from policyroute_asgi.inflate import plain
from policyroute_asgi.outward import Incoming, RawHeaders, Sender
from policyroute_asgi.probe.ask import Heard
from policyroute_asgi.probe.suite import Case
from policyroute_asgi.provider_connections import Connection

_KEPT: Final = ("content-type", "retry-after", "retry-after-ms")
_GONE: Final = b"[redacted]"


class Unusable(Exception):
    """A recording that cannot be answered from, and why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """`asked` is a digest of what was asked; `first` and `total` are the milliseconds it took then."""

    asked: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    first: float | None
    total: float


def digest(case: Case, candidate: Candidate) -> str:
    asked = [candidate.provider.dialect, candidate.model, case.request]
    return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def file_of(directory: Path, candidate: Candidate, case: Case, number: int) -> Path:
    names = (candidate.target, candidate.provider.name, case.name, str(number))
    return directory / ("@".join(quote(name, safe=" ") for name in names).replace(" ", "-") + ".json")


def save(path: Path, recording: Recording) -> None:
    """Raises OSError."""
    try:
        body = {"body": recording.body.decode("utf-8")}
    except UnicodeDecodeError:
        body = {"base64": base64.b64encode(recording.body).decode("ascii")}
    said = {
        "version": 1,
        "asked": recording.asked,
        "status": recording.status,
        "headers": dict(recording.headers),
        "first_ms": recording.first,
        "total_ms": recording.total,
        **body,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


def load(path: Path, asked: str) -> Recording:
    """Raises Unusable."""
    try:
        said = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise Unusable("there is no recording of it") from None
    except OSError as error:
        raise Unusable(f"its recording cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError:
        raise Unusable("its recording is no JSON") from None
    try:
        found = _read(said)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unusable("its recording is not as `--record` writes it") from None
    if found.asked != asked:
        raise Unusable("its recording is of another request or model: record it again")
    return found


def _read(said: Any) -> Recording:
    body = base64.b64decode(said["base64"]) if "base64" in said else said["body"].encode("utf-8")
    headers = {str(name): str(value) for name, value in said["headers"].items()}
    first = said["first_ms"]
    return Recording(
        said["asked"],
        int(said["status"]),
        headers,
        body,
        None if first is None else float(first),
        float(said["total_ms"]),
    )


class Recorder:
    """A sender that keeps the last answer that went through it. `secrets` are taken out of what is kept, all
    that there are by then."""

    def __init__(self, inner: Sender, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._inner = inner
        self._secrets = secrets
        self._taken: _Taken | None = None

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        self._taken = _Taken(plain(await self._inner.send(outbound, connect, connection)))
        return self._taken

    def recording(self, asked: str, heard: Heard) -> Recording | None:
        """What was answered; None where nothing was."""
        taken = self._taken
        if taken is None:
            return None
        headers = [
            (name.decode("latin-1").lower(), self._clean(value).decode("latin-1")) for name, value in taken.headers
        ]
        kept = {name: value for name, value in headers if name in _KEPT}
        return Recording(asked, taken.status, kept, self._clean(b"".join(taken.parts)), heard.first, heard.total)

    def _clean(self, said: bytes) -> bytes:
        for secret in self._secrets():
            for spelled in {secret.encode(), orjson.dumps(secret)[1:-1]}:
                said = said.replace(spelled, _GONE)
        return said


class _Taken:
    """An answer whose pieces are kept as they are read. What it was compressed with is undone already."""

    def __init__(self, inner: Incoming) -> None:
        self._inner = inner
        self.parts: list[bytes] = []
        self.status = inner.status
        self.headers: RawHeaders = [each for each in inner.headers if each[0].lower() != b"content-encoding"]

    async def read(self) -> bytes:
        part = await self._inner.read()
        self.parts.append(part)
        return part

    async def close(self) -> None:
        await self._inner.close()


class Player:
    """A sender that answers everything with one recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    async def send(self, outbound: Outbound, connect: float, connection: Connection | None = None) -> Incoming:
        return _Played(self._recording)


class _Played:
    def __init__(self, recording: Recording) -> None:
        self.status = recording.status
        said = recording.headers.items()
        self.headers: RawHeaders = [(name.encode(), value.encode("latin-1")) for name, value in said]
        self._left = recording.body

    async def read(self) -> bytes:
        left, self._left = self._left, b""
        return left

    async def close(self) -> None:
        self._left = b""
