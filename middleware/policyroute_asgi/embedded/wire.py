"""How the embedded provider puts things, by wire format and by what it is asked for.

Rule of this module: bytes only. What goes wrong, and when, is decided in `provider`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from policyroute import ModelRequest, Operation
from policyroute_asgi.embedded.behaviour import Behaviour

CREATED: Final = 1_767_225_600
"""Epoch seconds of every answer: the same request gets the same bytes."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A streamed answer: who speaks, one event for each word, the finish, and the word that there is no more."""

    opening: bytes
    words: Iterable[bytes]
    closing: bytes
    done: bytes


class Wire(Protocol):
    """One operation of one dialect."""

    dialect: str
    operation: Operation

    def whole(self, request: ModelRequest, behaviour: Behaviour) -> bytes:
        """The answer at once."""
        ...

    def failure(self, name: str, request: ModelRequest, key: str) -> tuple[int, bytes]:
        """The HTTP error of the behaviour of this name."""
        ...

    def complaint(self, message: str, code: str) -> bytes:
        """The error of a request that cannot be read."""
        ...


@runtime_checkable
class SpeakingWire(Wire, Protocol):
    """One that can be streamed."""

    def speech(self, request: ModelRequest, behaviour: Behaviour) -> Speech:
        """The same answer as a stream."""
        ...
