"""What supervisor and workers tell each other.

Rule of this module: plain values. They are pickled: both ends are the same program (a worker of another version is
refused before its first message is read), they share a user and a private socket, and what they exchange are values of
ours that would otherwise have to be described a second time.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policyroute_asgi.activation import Status
from policyroute_asgi.operator import Page
from policyroute_asgi.overriding import Known
from policyroute_asgi.usage import Amounts
from policyroute_asgi.workers.counts import Changes

# From the supervisor ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Which of the workers this is, and the options that `serve` was started with."""

    number: int
    arguments: argparse.Namespace


@dataclass(frozen=True, slots=True)
class Serve:
    """A policy that has passed every gate. `beside` is what is served beside it (keys): it is in nobody's repr.

    `serial` grows by one with each: it tells apart two of the same revision whose keys differ.
    """

    serial: int
    revision: str
    beside: Mapping[str, Any] = field(repr=False)
    status: Status


@dataclass(frozen=True, slots=True)
class Told:
    """News of the policy directory that changes nothing of what is served."""

    status: Status


@dataclass(frozen=True, slots=True)
class Revoked:
    """Digests of the client keys that are not let in, whatever the policy says."""

    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Overridden:
    """What an operator has said by hand, all of it."""

    known: Known


@dataclass(frozen=True, slots=True)
class Others:
    """What the other workers use."""

    values: Amounts


@dataclass(frozen=True, slots=True)
class Count:
    """Asks for the numbers now."""

    asked: int


@dataclass(frozen=True, slots=True)
class Paged:
    """The answer to `Ask`."""

    asked: int
    page: Page


@dataclass(frozen=True, slots=True)
class Retire:
    """Take no more connections, and end when what is open has ended of itself."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End; what is open has the grace period."""


@dataclass(frozen=True, slots=True)
class End:
    """The grace period is over."""


FromSupervisor = Begin | Serve | Told | Revoked | Overridden | Others | Count | Paged | Retire | Stop | End

# From a worker ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """Requests are served."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The policy of this serial is what new requests start with."""

    serial: int


@dataclass(frozen=True, slots=True)
class Unable:
    """This worker cannot serve what it was told to, or not at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What changed in the numbers since they were last sent; comes every second, changed or not: a sign of life."""

    asked: int
    changes: Changes


@dataclass(frozen=True, slots=True)
class Uses:
    """All that this worker uses."""

    values: Amounts


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for an operator's page."""

    asked: int
    path: str


FromWorker = Ready | Serving | Unable | Counted | Uses | Ask
