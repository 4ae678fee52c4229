"""A request that policy routes: who calls, a place, the body, a decision, an exchange.

Rule of this module: in this order. Who may not come in costs no more than its headers, and what is taken (a place,
memory, a client's share) is given back on every way out.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from policyroute.decide.decision import Candidate, Decision, Hop
from policyroute.dialects import ClientError
from policyroute.request import Client, ModelRequest
from policyroute_asgi.bodies import ClientGone, read_json_body
from policyroute_asgi.drive import Drive
from policyroute_asgi.load import Places, Refused
from policyroute_asgi.outward import Sender
from policyroute_asgi.preparation import Active
from policyroute_asgi.telemetry import Served, Telemetry
from policyroute_asgi.upstream import Upstream
from policyroute_asgi.visit import Visit


class Holder(Protocol):
    """What serving needs of a `PolicyHolder`."""

    @property
    def current(self) -> Active: ...


class Routed:
    """Serves routed requests on one event loop. `max_body` is bytes."""

    def __init__(self, holder: Holder, sender: Sender, telemetry: Telemetry, places: Places, max_body: int) -> None:
        self._holder = holder
        self._sender = sender
        self._telemetry = telemetry
        self._places = places
        self._max_body = max_body

    async def serve(self, visit: Visit) -> None:
        """Raises BadRequest, Refused and ClientGone where there is no answer of a provider's."""
        caller = await visit.door.caller(visit.scope, visit.headers)
        visit.served.client = caller.client
        body = await read_json_body(visit.receive, visit.headers, self._max_body)
        self._places.hold(len(body))
        try:
            if not self._places.take():
                await self._wait(visit)
            try:
                await self._route(visit, body, caller.client)
            finally:
                self._places.leave()
        finally:
            self._places.release(len(body))

    async def _wait(self, visit: Visit) -> None:
        """For a place, as long as the client does."""
        turn = asyncio.ensure_future(self._places.wait())
        gone = asyncio.ensure_future(visit.reply.hung_up())
        self._telemetry.queued += 1
        try:
            await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                raise ClientGone
            turn.result()
        finally:
            self._telemetry.queued -= 1
            gone.cancel()
            if not turn.done():
                turn.cancel()

    async def _route(self, visit: Visit, body: bytes, client: Client) -> None:
        served, reply = visit.served, visit.reply
        active = self._holder.current
        request = _read(body, visit)
        served.model = request.model
        served.stream = reply.stream = request.stream
        decision = self._decide(active, request, client, served)
        if reply.full:
            reply.add(b"x-policyroute-rule", decision.route_rule)
            reply.add(b"x-policyroute-revision", decision.revision[:12])
        denied = decision.denied
        if denied is not None:
            raise Refused(ClientError.of_denial(denied.status, denied.code, denied.message))
        upstream = Upstream(
            request,
            lambda candidate: self._hop(active, decision, candidate, served),
            active.keys,
            self._sender,
            self._telemetry.open_attempts,
        )
        exchange = Drive(decision, upstream, reply, stream=request.stream)
        served.record = exchange.record
        await exchange.run()

    def _decide(self, active: Active, request: ModelRequest, client: Client, served: Served) -> Decision:
        state = self._telemetry.state(self._places.load)
        started = time.perf_counter()
        decision = active.policy.decide(request, state, request.time, decision_id=served.decision_id, client=client)
        served.decide = time.perf_counter() - started
        served.decision = decision
        return decision

    def _hop(self, active: Active, decision: Decision, candidate: Candidate, served: Served) -> Hop:
        hop = active.policy.hop(decision, candidate, self._telemetry.state(self._places.load))
        served.hop_errors += hop.errors
        return hop


def _read(body: bytes, visit: Visit) -> ModelRequest:
    scope = visit.scope
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return ModelRequest.read(
        visit.endpoint.dialect,
        body,
        headers,
        scope["path"],
        query=scope["query_string"],
        id=visit.served.request_id,
        received_at=time.time(),
    )
