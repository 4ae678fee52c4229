"""Performs one attempt: builds the request, sends it, and tells the state machine what comes of it.

Rule of this module: whatever comes of it is told to the state machine, and nothing a provider does raises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from policyroute.changes import Change
from policyroute.decide.decision import NO_COURSE, Candidate, Course, Denial, Excluded, Hop
from policyroute.decide.resolved import DEFAULT_RESUME, ResolvedResume
from policyroute.dialects.translation import Frame
from policyroute.exchange.commands import Attempt, Failed, Open, Withheld
from policyroute.exchange.costs import cost_of
from policyroute.exchange.passage import NotForIt
from policyroute.exchange.resume import Addition
from policyroute.exchange.treatment import Treatment
from policyroute.exchange.turns import Arrange
from policyroute.failures import Failure
from policyroute.record import AttemptRecord, ExchangeRecord
from policyroute.request import ModelRequest, Operation
from policyroute_asgi.access import Access
from policyroute_asgi.audit.auditor import UNWRITABLE
from policyroute_asgi.budgets import Purse
from policyroute_asgi.crossing import Crossing, alone
from policyroute_asgi.inflate import plain
from policyroute_asgi.outward import Sender
from policyroute_asgi.reception import Reception, Tell
from policyroute_asgi.resting import Caution
from policyroute_asgi.rooms import FULL, Rooms
from policyroute_asgi.secrets import Key
from policyroute_asgi.telemetry import Trace
from policyroute_asgi.trouble import TRANSPORT_ERRORS, failure_of
from policyroute_asgi.work import Ongoing

_LEFT: Final = frozenset({"client_closed", "cancelled"})


class Upstream:
    """The attempts of one request.

    `hop_of` asks the rules about a candidate now; `access` has the keys; `crossing` says what may go to whom; `rooms`
    is told of each attempt that is open; `caution` knows who is better left alone. An answer that is told to the client
    by us is called `answer_id`, of [A-Za-z0-9]. `resume` says how one attempt is told of what another did, `ongoing`
    what there is to tell, `reaction` what is done about a conversation that goes round in circles, `trace` is told of
    each attempt. `arrange` orders who comes next, `purse` is what it is paid from. `hop`, `adapted`, `lost`,
    `confessed` and `max_tokens` are the last attempt's.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one name for each thing that an attempt needs
        self,
        request: ModelRequest,
        hop_of: Callable[[Candidate], Hop],
        access: Access,
        sender: Sender,
        rooms: Rooms,
        answer_id: str,
        resume: ResolvedResume = DEFAULT_RESUME,
        ongoing: Ongoing | None = None,
        caution: Caution | None = None,
        crossing: Crossing | None = None,
        course: Course = NO_COURSE,
        arrange: Arrange | None = None,
        trace: Trace | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.arrange = arrange
        self.hop: Hop | None = None
        self.adapted: tuple[Change, ...] = ()
        self.lost: set[str] = set()
        self.max_tokens: int | None = None
        self._treatment: Treatment | None = None
        self._answer_id = answer_id
        self._request = request
        self._hop_of = hop_of
        self._access = access
        self._sender = sender
        self._crossing = crossing or alone(request)
        self._trouble: Failure | None = None
        self._rooms = rooms
        self._caution = caution
        self._key: Key | None = None
        self._resume = resume
        self._ongoing = ongoing
        self._course = course
        self._trace = trace
        self._reception: Reception | None = None
        self._circled = False
        self._asked: Candidate | None = None
        self._purse = purse

    def eligible(self, candidate: Candidate, now: float) -> Excluded | Failure | None:
        """What the state machine asks before each attempt. The hop and the key are kept for the attempt itself."""
        self.hop = self._hop_of(candidate)
        key = self._usable(candidate, self.hop)
        if isinstance(key, Failure | Excluded):
            return key
        if self._caution is not None:
            cooling = self._caution.passed_over(candidate, key, lambda other: self._usable(other, self._hop_of(other)))
            if cooling is not None:
                return cooling
        self._key = key
        return None

    def _usable(self, candidate: Candidate, hop: Hop) -> Key | Excluded | Failure | None:
        if hop.excluded is not None:
            return hop.excluded
        return FULL if self._rooms.full(candidate) else self._access.pick(candidate)

    def begun(self) -> None:
        """The first of an answer goes to the client."""
        if self._caution is not None:
            self._caution.begun()

    def ended(self, outcome: str, failure: Failure | None, ttft: float | None) -> None:
        """What the state machine says when an attempt is over, before it asks for another. `ttft`: seconds."""
        self._trouble = failure if failure is not None else self._trouble
        if self._caution is not None:
            ours = failure is UNWRITABLE  # which says nothing of the provider
            first = ttft if self._request.stream else None  # a JSON answer has no first token to see
            self._caution.ended(None if ours else failure, first, ok=outcome == "ok")

    @property
    def confessed(self) -> bool:
        """Whether the last attempt's answer said something that is labelled as a secret, as far as it came."""
        return self._treatment is not None and bool(self._treatment.confessed)

    @property
    def circled(self) -> bool:
        """Whether the last attempt's answer repeats itself without end, as far as it came."""
        return self._circled if self._reception is None else self._reception.circled

    @property
    def key(self) -> str | None:
        """Where the key is from that the last attempt goes with."""
        return self._key.place if self._key is not None else None

    def has_other_key(self, candidate: Candidate) -> bool:
        """What the state machine asks where a key failed."""
        return self._access.has_other(candidate)

    async def run(self, opened: Open, tell: Tell) -> None:
        """Perform one attempt to its end. Cancelling it closes the connection."""
        self._asked = candidate = opened.attempt.candidate
        key = self._key
        self._rooms.opened(candidate)
        self._access.opened(candidate, key)
        if self._trace is not None:
            self._trace.attempt(opened.attempt, self._request)
        try:
            await self._attempt(opened, key, tell)
        finally:
            self._access.closed(candidate, key)
            self._rooms.closed(candidate)

    async def _attempt(self, opened: Open, key: Key | None, tell: Tell) -> None:
        if key is None or key.grant is None:
            await self._ask(opened, key, key.value if key is not None else None, tell)
            return
        candidate = opened.attempt.candidate
        for again in (True, False):
            given = await self._access.token(candidate, key)
            if isinstance(given, Failure):
                await tell(Failed(opened.id, self._access.learn(candidate, key, given)))
                return
            # A token may end before its time, and that is not the account's fault.
            if await self._ask(opened, key, given.value, tell, outlived=again and not given.waited):
                return
            self._access.refused(key, given)

    async def _ask(
        self, opened: Open, key: Key | None, shown: str | None, tell: Tell, *, outlived: bool = False
    ) -> bool:
        """`shown` is what the provider sees of the key. With `outlived`, a refusal of it is not told: False."""
        assert self.hop is not None, "a hop is asked for before each attempt"
        candidate = opened.attempt.candidate
        # Learnt before it is told: the next attempt may begin with the telling.
        learn = partial(self._access.learn, candidate, key)
        secrets = (shown,) if shown is not None else ()
        attempt = opened.attempt
        try:
            sending = await self._crossing.sending(attempt, self.hop, shown, self._addition(attempt), self._trouble)
        except NotForIt as refusal:
            await tell(Withheld(opened.id, refusal.reason))
            return True
        if isinstance(sending, Failure):
            await tell(Failed(opened.id, sending))
            return True
        if isinstance(sending, Denial):
            reason = Excluded(candidate.target, candidate.provider.name, sending.code, None, sending.message)
            await tell(Withheld(opened.id, reason, sending))
            return True
        payload = sending.payload
        self.adapted, self.lost, self.max_tokens = payload.changes, set(), payload.max_tokens
        self._treatment, self._circled = None, False
        connection = self._access.connection(candidate)
        trace, outbound = self._trace, payload.outbound
        outbound = outbound if trace is None else trace.sent(outbound, self._request, self.hop)
        try:
            answer = plain(await self._sender.send(outbound, opened.attempt.connect, connection))
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=False)))
            return True
        self._treatment = sending.treatment
        reception = self._reception = Reception(
            opened, self._request, secrets, sending, self.frame, learn, self._course.watch
        )
        try:
            if answer.status == 401 and outlived:
                return False
            await reception.hear(answer, tell)
        except TRANSPORT_ERRORS as error:
            await tell(Failed(opened.id, failure_of(error, answered=True)))
        finally:
            self.lost, self._circled = reception.lost, reception.circled
            self._reception = None  # it knows us as well: what is cyclic is left to the garbage collector
            await answer.close()
        return True

    def _addition(self, attempt: Attempt) -> Addition | None:
        """What the attempt is told beyond the request: nearly every first one nothing."""
        ongoing = self._ongoing
        first = attempt.number == 1 and attempt.handover is None
        if first and (ongoing is None or not ongoing.resumes) and self._course.reaction is None:
            return None
        return Addition(attempt, self._resume, ongoing.work() if ongoing is not None else None, self._course.reaction)

    async def settle(self, record: ExchangeRecord) -> None:
        """The client is about to see the end of the answer: what it cost is kept before."""
        self.charge(record.attempts[-1])
        if self._purse is not None:
            await self._purse.settle(record)

    def charge(self, made: AttemptRecord) -> None:
        """Write down what the last attempt cost, now that it is over. Whoever leaves an answer has asked for it."""
        left = made.outcome in _LEFT and made.input_tokens is None
        if (made.estimated or left) and not made.input_tokens:
            made.estimated, made.input_tokens = True, self._request.input_tokens
        if self._asked is not None and self._request.operation is not Operation.COUNT_TOKENS:  # nobody charges for it
            made.cost_usd = cost_of(made, self._asked.spec.price)

    def frame(self) -> Frame:
        """What we tell answers with."""
        request = self._request
        return Frame(self._answer_id, request.model, int(request.time), request)
