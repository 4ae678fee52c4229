"""The words of the failover state machine: inputs go in, commands come out.

Rule of this module: values only. The machine (`exchange.machine`) decides; the driver at the edge performs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policyroute.decide.decision import Candidate, Denial, Excluded
from policyroute.events import StreamEvent
from policyroute.exchange.carrying import Carried
from policyroute.failures import Failure, FailureKind
from policyroute.record import ExchangeRecord

# Inputs -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Received:
    """Attempt `id` said something: `events` as read, `raw` the same as bytes (whole SSE events, or a whole JSON body)
    when client and provider speak the same dialect. `end` is set once, when the answer is complete: nothing more will
    come. `status` is the HTTP status of the provider's answer, with the first of them. A ping has no events. Nothing
    follows a `Broken`, and its bytes are not in `raw`. `said`: something was said that whoever reads the provider holds
    back. `denied`, with the end: somebody who saw all of it does not let it be given.
    """

    id: int
    events: Sequence[StreamEvent]
    raw: bytes = b""
    end: bool = False
    status: int | None = None
    said: bool = False
    denied: Denial | None = None


@dataclass(slots=True)
class Failed:
    """Attempt `id` ended in trouble; nothing more will come from it."""

    id: int
    failure: Failure


@dataclass(slots=True)
class Withheld:
    """Attempt `id` was not made: what it would have said may not go to its candidate, for this reason. `denied`: nor
    to anybody else."""

    id: int
    reason: Excluded
    denied: Denial | None = None


@dataclass(slots=True)
class Acked:
    """What `Persist(token)` asked for is durable."""

    token: int


@dataclass(slots=True)
class Tick:
    """The time asked for with `Wake` has come (or a little later).

    `backed_up`: the client has not taken the last `Emit` yet, so the provider is not being read and its silence does
    not count.
    """

    backed_up: bool = False


@dataclass(slots=True)
class HungUp:
    """The client is gone."""


@dataclass(slots=True)
class Cancelled:
    """The exchange is given up by us. Whoever does that tells the client."""


Input = Received | Failed | Withheld | Acked | Tick | HungUp | Cancelled

# Commands -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handover:
    """Whose work is taken over, and why it ended."""

    candidate: Candidate
    cause: FailureKind


@dataclass(frozen=True, slots=True)
class Repair:
    """An answer that does not fit the schema, and what is wrong with it, for the model that gave it."""

    answer: str = field(repr=False)
    complaint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one candidate. `number` counts from 1 over the exchange; `connect` is the connect timeout, seconds.

    `carried`: its answer follows what was sent already. `handover`: another candidate was tried before,
    or is as good as tried.
    """

    number: int
    candidate: Candidate
    connect: float
    carried: Carried | None = None
    handover: Handover | None = None
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an exchange stands when an attempt is over and nobody knows whether there will be another: why it ended,
    whose it was and whose is next (None: nobody's), and the words that the client has seen."""

    cause: str
    candidate: Candidate
    following: Candidate | None
    said: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Open:
    id: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Cancel:
    id: int


@dataclass(frozen=True, slots=True)
class Persist:
    """Keep this. `Acked(token)` is waited for, but not for ever."""

    token: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Wake:
    """Send `Tick` at this time (the machine's clock, seconds). A later Wake replaces an earlier one."""

    at: float


@dataclass(slots=True)
class Emit:
    """Give this, said by attempt `id`, to the client. The `first` commits: headers go with it.

    Not frozen: one is made per upstream read.
    """

    id: int
    events: Sequence[StreamEvent]
    raw: bytes
    first: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The exchange is over. Where the client must be told of an error, `failure` or `denied` is set: before the first
    Emit it is an HTTP error, after it one inside the stream. `denied`: a rule or the app refuses the answer that is
    there, or lets nobody be asked for one."""

    record: ExchangeRecord
    failure: Failure | None = None
    denied: Denial | None = None


Command = Open | Cancel | Persist | Wake | Emit | Done
