"""One LLM request from its first byte to its last: read, identify, decide, exchange, answer, account.

Rule of this module: whatever happens, the client gets an answer in its own dialect and the request is accounted for.
This is the one place where any exception is caught: a bug is answered with its decision id and logged without content.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import httpx
from starlette.types import Receive, Scope, Send

from policyroute.decide.decision import Candidate, Decision, Hop
from policyroute.dialects import DIALECTS, ClientError
from policyroute.request import BadRequest, Client, ModelRequest
from policyroute_asgi import identity
from policyroute_asgi.bodies import ClientGone, read_json_body
from policyroute_asgi.drive import Drive
from policyroute_asgi.endpoints import Endpoint, Kind
from policyroute_asgi.identity import Anonymous, Identify, IdentifyError
from policyroute_asgi.outward import sender
from policyroute_asgi.preparation import Active
from policyroute_asgi.reply import Reply
from policyroute_asgi.telemetry import Served, Telemetry
from policyroute_asgi.upstream import Upstream

logger = logging.getLogger("policyroute.edge")

Expose = Literal["none", "id", "full"]

DIALECT: Final = DIALECTS["openai_chat"]
CHAT_PATH: Final = "/v1/chat/completions"
NO_POLICY: Final = BadRequest("policy_unavailable", "There is no policy here that could be used.", 503)

_ENDED: Final = ClientError(503, "shutting_down", "The gateway is being shut down.", retry=True)
_LAST_WORDS: Final = 1.0
"""Seconds for telling clients of the end: one that does not read must not hold it up."""

_FORWARDED = (b"forwarded", b"x-forwarded-for")


class Holder(Protocol):
    """What the handler needs of a `PolicyHolder`."""

    @property
    def current(self) -> Active: ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is let in, with how many bytes, and how much is told: `expose` None is `full` to loopback, else `id`."""

    identify: Identify | Anonymous
    expose: Expose | None
    max_body: int


class Handler:
    """Serves the LLM paths on one event loop. `holder.current` is the policy; the transport is not closed here."""

    def __init__(
        self,
        holder: Holder,
        transport: httpx.AsyncBaseTransport,
        telemetry: Telemetry,
        admission: Admission,
    ) -> None:
        self._holder = holder
        self._sender = sender(transport)
        self._telemetry = telemetry
        self._admission = admission
        self._open: set[asyncio.Timeout] = set()
        self._ending = False
        self._idle = asyncio.Event()

    async def serve(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to an LLM path. Never raises but where its task is cancelled by others."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        decision_id = identity.new_id()
        request_id = identity.request_id(headers.get(b"x-request-id"), decision_id)
        served = Served(decision_id, request_id, time.monotonic())
        reply = Reply(receive, send, DIALECT, request_id)
        reply.decision_id = decision_id
        exposed = self._exposure(scope, headers)
        if exposed != "none":
            reply.add(b"x-policyroute-decision-id", decision_id)
        reply.full = exposed == "full"
        end = self._begin()
        try:
            async with end:
                await self._answer(endpoint, served, reply, scope, receive)
        except asyncio.CancelledError:
            served.outcome = "cancelled"
            raise
        except TimeoutError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    await _tell(reply, _ENDED)
        finally:
            self._end(end)
            if endpoint.kind is Kind.CHAT:
                self._account(served, reply)

    async def drained(self, grace: float) -> None:
        """Wait until no request is open. Those that are open after `grace` seconds are ended."""
        timer = asyncio.get_running_loop().call_later(grace, self.end)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace + 2 * _LAST_WORDS):
                while self._open:
                    self._idle.clear()
                    await self._idle.wait()
        timer.cancel()

    def end(self) -> None:
        """End what is open, and what may yet come: the clients are told `shutting_down`."""
        self._ending = True
        now = asyncio.get_running_loop().time()
        for end in self._open:
            if end.when() is None:
                end.reschedule(now)

    async def _answer(self, endpoint: Endpoint, served: Served, reply: Reply, scope: Scope, receive: Receive) -> None:
        try:
            if endpoint.kind is Kind.CHAT and scope["method"] == "POST":
                await self._chat(served, reply, scope, receive)
            else:
                await self._other(endpoint, reply, scope)
        except BadRequest as error:
            await _tell(reply, ClientError.of_bad_request(error))
        except ClientGone:
            pass
        except IdentifyError as error:
            _log(error.__cause__ or error, served.decision_id, str(error))
            await _tell(reply, ClientError(500, "internal_error", "Who calls could not be found out here."))
        except Exception as error:  # noqa: BLE001 - the edge: nothing of a bug may reach the client
            _log(error, served.decision_id)
            await _tell(reply, ClientError(500, "internal_error", "Something went wrong here.", retry=True))

    async def _chat(self, served: Served, reply: Reply, scope: Scope, receive: Receive) -> None:
        client = served.client = await self._caller(scope)
        body = await read_json_body(receive, dict(scope["headers"]), self._admission.max_body)
        active = self._holder.current
        request = _read(body, scope, served.request_id)
        served.model = request.model
        served.stream = reply.stream = request.stream
        decision = self._decide(active, request, client, served)
        if reply.full:
            reply.add(b"x-policyroute-rule", decision.route_rule)
            reply.add(b"x-policyroute-revision", decision.revision[:12])
        denied = decision.denied
        if denied is not None:
            await _tell(reply, ClientError.of_denial(denied.status, denied.code, denied.message))
            return
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

    async def _caller(self, scope: Scope) -> Client:
        client = await identity.who(self._admission.identify, scope)
        if client is None:
            raise BadRequest("unauthenticated", "Who calls is not known here: send the app's credentials.", 401)
        return client

    def _decide(self, active: Active, request: ModelRequest, client: Client, served: Served) -> Decision:
        state = self._telemetry.state()
        started = time.perf_counter()
        decision = active.policy.decide(request, state, request.time, decision_id=served.decision_id, client=client)
        served.decide = time.perf_counter() - started
        served.decision = decision
        return decision

    def _hop(self, active: Active, decision: Decision, candidate: Candidate, served: Served) -> Hop:
        hop = active.policy.hop(decision, candidate, self._telemetry.state())
        served.hop_errors += hop.errors
        return hop

    def _exposure(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Expose:
        if self._admission.expose is not None:
            return self._admission.expose
        forwarded = any(name in headers for name in _FORWARDED)
        return "full" if identity.on_loopback(scope) and not forwarded else "id"

    async def _other(self, endpoint: Endpoint, reply: Reply, scope: Scope) -> None:
        """All but a chat completion."""
        if endpoint.kind is Kind.NOT_SERVED:
            raise BadRequest("not_served", f"{scope['path']} is not served here. POST {CHAT_PATH} is.", 404)
        if scope["method"] != endpoint.method:
            reply.add(b"allow", endpoint.method)
            raise BadRequest("method_not_allowed", f"Use {endpoint.method} for {scope['path']}.", 405)
        await self._caller(scope)
        targets, model = self._holder.current.policy.program.targets, endpoint.model
        if model is None:
            await reply.json(DIALECT.models(targets))
        elif model in targets:
            await reply.json(DIALECT.model(model))
        else:
            raise BadRequest("model_not_found", "There is no target of this name here. GET /v1/models lists them.", 404)

    def _begin(self) -> asyncio.Timeout:
        """The end of this request, which is open until there is one to come."""
        end = asyncio.timeout(0 if self._ending else None)
        self._open.add(end)
        self._telemetry.in_flight += 1
        return end

    def _end(self, end: asyncio.Timeout) -> None:
        self._open.discard(end)
        self._telemetry.in_flight -= 1
        if not self._open:
            self._idle.set()

    def _account(self, served: Served, reply: Reply) -> None:
        served.ended = time.monotonic()
        if reply.status is not None:
            served.status = reply.status
        if reply.failed is not None:
            served.outcome = reply.failed
        elif served.record is not None and served.record.outcome != "open":
            served.outcome = served.record.outcome
        try:
            self._telemetry.finished(served)
        except Exception as error:  # noqa: BLE001 - the client has its answer; what it was must not undo it
            _log(error, served.decision_id)


def _read(body: bytes, scope: Scope, id: str) -> ModelRequest:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return ModelRequest.read(
        DIALECT.name,
        body,
        headers,
        scope["path"],
        query=scope["query_string"],
        id=id,
        received_at=time.time(),
    )


async def _tell(reply: Reply, error: ClientError) -> None:
    """A client that has gone meanwhile is not told."""
    with contextlib.suppress(OSError):
        await reply.error(replace(error, decision_id=reply.decision_id))


def _log(error: BaseException, decision_id: str, said: str = "") -> None:
    """The kind of exception and where it was; its message may hold what the request said. `said` is ours, and safe."""
    places = traceback.extract_tb(error.__traceback__)
    way = " < ".join(f"{place.filename}:{place.lineno} {place.name}" for place in reversed(places))
    logger.error("internal error, decision %s: %s at %s", decision_id, said or type(error).__name__, way)


async def refuse(scope: Scope, receive: Receive, send: Send, error: BadRequest) -> None:
    """Answer a request that no handler gets to see."""
    given: bytes | None = dict(scope["headers"]).get(b"x-request-id")
    reply = Reply(receive, send, DIALECT, identity.request_id(given, identity.new_id()))
    await reply.error(ClientError.of_bad_request(error))
