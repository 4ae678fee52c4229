"""A request that policy routes: who calls, a place, the body, a decision, an exchange.

Rule of this module: in this order. Who may not come in costs no more than its headers, and what is taken (a place,
memory, a client's share) is given back on every way out.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from policyroute.decide.answers import Answer
from policyroute.decide.content import Looked
from policyroute.decide.decision import Candidate, Decision, Excluded, Hop
from policyroute.decide.judging import Verdict
from policyroute.decide.overrides import DRAINED
from policyroute.dialects import ClientError
from policyroute.exchange.answering import Asks, Review
from policyroute.exchange.carrying import carrying
from policyroute.exchange.integrity import demanded
from policyroute.request import ModelRequest, Operation
from policyroute_asgi.access import Access
from policyroute_asgi.activation import PolicySource, still_admits
from policyroute_asgi.beside import AT_ONCE, beside
from policyroute_asgi.bodies import BodyLimits, read_json_body
from policyroute_asgi.brought_keys import NO_KEYS, brought_keys
from policyroute_asgi.budgets import Budgets
from policyroute_asgi.crossing import Crossings
from policyroute_asgi.door import Caller
from policyroute_asgi.drive import Drive
from policyroute_asgi.load import Places, Refused
from policyroute_asgi.meanwhile import arranged
from policyroute_asgi.outward import Sender
from policyroute_asgi.preparation import Active
from policyroute_asgi.rates import Charge, Rates
from policyroute_asgi.remembered import DIALECT as STATEFUL
from policyroute_asgi.remembered import Remembered, hearing, whole
from policyroute_asgi.resting import Caution
from policyroute_asgi.rooms import Rooms
from policyroute_asgi.sessions import Sessions, Sitting
from policyroute_asgi.shedding import Shedding
from policyroute_asgi.state.store import StateStore
from policyroute_asgi.telemetry import Served, Telemetry
from policyroute_asgi.tokens import Tokens
from policyroute_asgi.upstream import Upstream
from policyroute_asgi.visit import Visit, read_request
from policyroute_asgi.work import ongoing

_REVOKED: Final = "the key that sent this request does not count any more"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is served at once, to whom how much, and how large."""

    places: Places
    rooms: Rooms
    rates: Rates
    body: BodyLimits


class Routed:
    """Serves routed requests on one event loop."""

    def __init__(  # noqa: PLR0913, PLR0917 - one name for each thing that all requests share
        self,
        holder: PolicySource,
        sender: Sender,
        telemetry: Telemetry,
        bounds: Bounds,
        state: StateStore,
        crossings: Crossings,
    ) -> None:
        self._holder = holder
        self._sender = sender
        self._tokens = Tokens(sender)
        self._telemetry = telemetry
        self._places = bounds.places
        self._rooms = bounds.rooms
        self._rates = bounds.rates
        self._body = bounds.body
        self._state = state
        self._remembered = Remembered(state)
        self._crossings = crossings
        self._sessions = Sessions(state)
        self._shedding = Shedding(holder, bounds.places, telemetry, self._sessions)
        self._budgets = Budgets(state, telemetry.money)
        moderator = crossings.moderator
        self._moderated = moderator is not None and moderator.answers != "off"
        self._whole = moderator is not None and moderator.answers == "hold"

    async def serve(self, visit: Visit) -> None:
        """Raises BadRequest, Refused and ClientGone where there is no answer of a provider's."""
        caller = await visit.door.caller(visit.scope, self._holder)
        visit.served.client = caller.client
        limit = caller.match.client.rate_limit if caller.match is not None else None
        if limit is None:
            await self._placed(visit, caller, None)
            return
        charge = self._rates.admit(caller.client.id, limit)
        try:
            await self._placed(visit, caller, charge)
        finally:
            charge.end(visit.served.tokens)

    async def _placed(self, visit: Visit, caller: Caller, charge: Charge | None) -> None:
        body = await read_json_body(visit.receive, visit.headers, self._body, self._places)
        self._places.hold(len(body))
        try:
            await self._shedding.place(visit, caller)
            try:
                await self._route(visit, body, caller, charge)
            finally:
                self._places.leave()
        finally:
            self._places.release(len(body))

    async def _route(self, visit: Visit, body: bytes, caller: Caller, charge: Charge | None) -> None:
        served, reply = visit.served, visit.reply
        active = self._holder.current
        tenant = caller.client.tenant
        request = read_request(body, visit, active.policy.program.profiles, caller)
        served.request = request
        served.model = request.model
        served.stream = reply.stream = request.stream
        if request.dialect == STATEFUL:
            served.request = request = await whole(request, tenant, self._remembered)
        if charge is not None:
            charge.tokens(request.input_tokens)
        state = self._telemetry.state(self._places.load)
        served.sitting = reply.sitting = sitting = await self._sessions.of(request, active.policy, caller.client, state)
        served.request = request = sitting.request
        served.hop_errors += sitting.errors
        labels = await self._crossings.labelled(request, caller.client) if active.policy.needs_session_labels else ()
        claims = active.policy.claims(request, caller.client, state, request.time, sitting.session)
        budgets = await self._budgets.standings(claims, tenant) if claims else None
        looked = await _looked(active, request)
        started = time.perf_counter()
        served.decision = decision = active.policy.decide(
            request,
            state,
            request.time,
            decision_id=served.decision_id,
            client=caller.client,
            looked=looked,
            session=sitting.session,
            session_labels=labels,
            budgets=budgets,
        )
        served.decide = time.perf_counter() - started
        sitting.decided(decision)
        if reply.full:
            reply.add(b"x-policyroute-rule", decision.route_rule)
            reply.add(b"x-policyroute-revision", decision.revision[:12])
        denied = decision.denied
        if request.operation is Operation.COUNT_TOKENS:
            reply.estimate = request.input_tokens
            if denied is not None and denied.code == "no_eligible_target" and _speak_otherwise(decision):
                await reply.estimated(reply.estimate)
                return
        if denied is not None:
            raise Refused(ClientError.of_denial(denied.status, denied.code, denied.message))
        if decision.budgets:
            served.purse = await self._budgets.hold(decision, claims, tenant, request.time)
        await self._exchange(visit, active, caller, sitting, decision)

    async def _exchange(
        self, visit: Visit, active: Active, caller: Caller, sitting: Sitting, decision: Decision
    ) -> None:
        served, reply, request, tenant = visit.served, visit.reply, sitting.request, caller.client.tenant
        demand = demanded(request, decision.expected.schema if decision.expected is not None else None)
        work = await ongoing(sitting, tenant, demand, self._state)
        crossing = await self._crossings.of(request, decision, caller.client)
        upstream = Upstream(
            request,
            lambda candidate: self._hop(active, decision, candidate, caller, served),
            self._access(active, request, visit, caller),
            self._sender,
            self._rooms,
            served.decision_id,
            decision.resume,
            work,
            caution=Caution(self._telemetry.resting, decision.candidates, decision.fallback.after, request.operation),
            crossing=crossing,
            course=decision.course,
            arrange=partial(arranged, served, self._telemetry.overrides),
            trace=served.trace,
            purse=served.purse,
        )
        if self._rooms.all_full(decision.candidates):
            room = asyncio.create_task(self._rooms.wait(decision.candidates))
            await self._shedding.wait(visit, request.profile, room)
        asks = Asks(
            active.policy.program.refusals,
            self._review(active, decision, served),
            decision.hold,
            demand,
            work is not None and decision.resume.enabled and work.task != "",
            self._moderated,
            self._whole,
        )
        goes_on = carrying(request, decision, upstream.frame)
        heard = hearing(request, tenant, self._remembered, reply)
        exchange = Drive(
            decision, upstream, heard or reply, stream=request.stream, asks=asks, carrying=goes_on, keeper=work
        )
        reply.record = served.record = exchange.record
        if heard is not None:
            heard.record = exchange.record
        await exchange.run()

    def _access(self, active: Active, request: ModelRequest, visit: Visit, caller: Caller) -> Access:
        keys = self._telemetry.provider_keys
        conversation = request.conversation(caller.client.tenant)
        origins = active.policy.program.client_key_origins
        brought = NO_KEYS
        if origins:
            scope = visit.scope
            found = brought_keys(scope["headers"], scope["query_string"], allow_credential=caller.credential_free)
            brought = found.within(origins)

        def one_key(candidate: Candidate) -> bool:
            return bool(request.at(candidate.provider.name, candidate.provider.base_url).kept)

        return Access(keys, active, conversation, brought, tokens=self._tokens, one_key=one_key)

    def _hop(self, active: Active, decision: Decision, candidate: Candidate, caller: Caller, served: Served) -> Hop:
        if caller.match is not None and not still_admits(self._holder, caller.match):
            return Hop(candidate, Excluded(candidate.target, candidate.provider.name, "revoked", None, _REVOKED))
        state = self._telemetry.state(self._places.load)
        hop = active.policy.hop(decision, candidate, state)
        served.hop_errors += hop.errors
        if hop.excluded is not None and hop.excluded.code == DRAINED:
            served.overrides += state.overrides.of((), [(candidate.target, candidate.provider.name)])
        return hop

    def _review(self, active: Active, decision: Decision, served: Served) -> Review | None:
        """Who is to see the answer, if anybody is."""
        awaiting = decision.awaiting
        if awaiting is None:
            return None

        def judge(candidate: Candidate, answer: Answer) -> Verdict:
            state = self._telemetry.state(self._places.load)
            verdict = active.policy.judge(decision, candidate, state, answer)
            served.hop_errors += verdict.errors
            return verdict

        return Review(judge, awaiting.words)


async def _looked(active: Active, request: ModelRequest) -> Looked | None:
    """What is in the texts of a large request, where the policy asks: nobody else waits while that is found out."""
    if request.size <= AT_ONCE or not active.policy.needs_content:
        return None
    return await beside(partial(active.policy.looked, request), request.size)


def _speak_otherwise(decision: Decision) -> bool:
    """Whether all that is wrong with the candidates is that none counts tokens in the client's dialect."""
    return all(out.code == "dialect" for out in decision.excluded)
