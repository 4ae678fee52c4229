"""One LLM request from its first byte to its last: served, answered whatever happens, and accounted for.

Rule of this module: whatever happens, the client gets an answer in its own dialect and the request is accounted for.
This is the one place where any exception is caught: a bug is answered with its decision id and logged without content.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from dataclasses import replace
from typing import Final

from starlette.types import Receive, Scope, Send

from policyroute.dialects import VOICES, ClientError
from policyroute.request import BadRequest
from policyroute_asgi import identity
from policyroute_asgi.activation import PolicySource
from policyroute_asgi.bodies import ClientGone
from policyroute_asgi.cut import Cut
from policyroute_asgi.door import Door, exposure
from policyroute_asgi.endpoints import CHAT_PATH, Endpoint, Kind, dialect_of, reached
from policyroute_asgi.identity import IdentifyError
from policyroute_asgi.in_process import is_hung_up
from policyroute_asgi.load import Refused
from policyroute_asgi.reply import Reply
from policyroute_asgi.routed import Routed
from policyroute_asgi.telemetry import Served, Telemetry
from policyroute_asgi.visit import Visit

logger = logging.getLogger("policyroute.edge")

NO_POLICY: Final = BadRequest("policy_unavailable", "There is no policy here that could be used.", 503)

_ENDED: Final = ClientError(503, "shutting_down", "The gateway is being shut down.", retry=True)
_CANCELLED: Final = ClientError(503, "cancelled", "The server ended this request.", retry=True)
_LAST_WORDS: Final = 1.0
"""Seconds for telling clients of the end: one that does not read must not hold it up."""


class Handler:
    """Serves the LLM paths on one event loop, whatever door a request comes through."""

    def __init__(self, holder: PolicySource, routed: Routed, telemetry: Telemetry) -> None:
        self._holder = holder
        self._routed = routed
        self._telemetry = telemetry
        self._open: set[Cut] = set()
        self._ending = False
        self._idle = asyncio.Event()

    async def serve(self, endpoint: Endpoint, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to an LLM path. Never raises but where its task is cancelled by others."""
        visit = _arrived(endpoint, door, scope, receive, send)
        served, reply = visit.served, visit.reply
        end = self._begin()
        if self._telemetry.traces is not None and endpoint.kind is Kind.ROUTED:
            served.trace = self._telemetry.traces.begun(scope, visit.headers)
        try:
            with end:
                await self._answer(visit)
        except asyncio.CancelledError as error:
            served.outcome = "client_closed" if is_hung_up(error) else _CANCELLED.code
            if reply.status is not None and not is_hung_up(error):  # before that, who cancels is free to answer
                await _say(reply, _CANCELLED)
            raise
        else:
            if end.made:
                await _say(reply, _ENDED)
        finally:
            self._end(end)
            if endpoint.kind is Kind.ROUTED:
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
        for end in self._open:
            end.make()

    async def _answer(self, visit: Visit) -> None:
        served, reply = visit.served, visit.reply
        try:
            if visit.endpoint.kind is Kind.ROUTED and visit.scope["method"] == "POST":
                await self._routed.serve(visit)
            else:
                await self._other(visit)
        except BadRequest as error:
            await _tell(reply, ClientError.of_bad_request(error))
        except Refused as refused:
            await _tell(reply, refused.error)
        except ClientGone:
            pass
        except IdentifyError as error:
            _log(error.__cause__ or error, served.decision_id, str(error))
            await _tell(reply, ClientError(500, "internal_error", "Who calls could not be found out here."))
        except Exception as error:  # noqa: BLE001 - the edge: nothing of a bug may reach the client
            _log(error, served.decision_id)
            await _tell(reply, ClientError(500, "internal_error", "Something went wrong here.", retry=True))

    async def _other(self, visit: Visit) -> None:
        """All but what is routed."""
        endpoint, path = visit.endpoint, visit.scope["path"]
        if endpoint.kind is Kind.NOT_SERVED:
            raise BadRequest("not_served", f"{path} is not served here. POST {CHAT_PATH} is.", 404)
        if visit.scope["method"] != endpoint.method:
            visit.reply.add(b"allow", endpoint.method)
            raise BadRequest("method_not_allowed", f"Use {endpoint.method} for {path}.", 405)
        caller = await visit.door.caller(visit.scope, self._holder)
        asked = reached(dialect_of(visit.scope, endpoint))
        targets = self._holder.current.policy.allowed(caller.client, asked)
        voice = visit.reply.voice
        if endpoint.model is None:
            await visit.reply.json(voice.models(targets))
        elif endpoint.model in targets:
            await visit.reply.json(voice.model(endpoint.model))
        else:
            raise BadRequest(
                "model_not_found",
                "There is no target of this name that you could ask. GET /v1/models lists those.",
                404,
            )

    def _begin(self) -> Cut:
        """The end of this request, should there be one to come before its own."""
        end = Cut()
        if self._ending:
            asyncio.get_running_loop().call_soon(end.make)
        self._open.add(end)
        self._telemetry.in_flight += 1
        return end

    def _end(self, end: Cut) -> None:
        self._open.discard(end)
        self._telemetry.in_flight -= 1
        if not self._open:
            self._idle.set()

    def _account(self, served: Served, reply: Reply) -> None:
        served.ended = time.monotonic()
        if served.sitting is not None:
            served.sitting.over(served.record)
        if served.purse is not None:
            served.purse.over(served.record)
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


def _arrived(endpoint: Endpoint, door: Door, scope: Scope, receive: Receive, send: Send) -> Visit:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    decision_id = identity.new_id()
    request_id = identity.request_id(headers.get(b"x-request-id"), decision_id)
    reply = Reply(receive, send, VOICES[dialect_of(scope, endpoint)], request_id)
    reply.decision_id = decision_id
    exposed = exposure(door, scope, headers)
    if exposed != "none":
        reply.add(b"x-policyroute-decision-id", decision_id)
    reply.full = exposed == "full"
    served = Served(decision_id, request_id, time.monotonic())
    return Visit(endpoint, door, scope, headers, receive, reply, served)


async def _tell(reply: Reply, error: ClientError) -> None:
    """A client that has gone meanwhile is not told."""
    with contextlib.suppress(OSError):
        await reply.error(replace(error, decision_id=reply.decision_id))


async def _say(reply: Reply, error: ClientError) -> None:
    """The last words of a request that is not to go on."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await _tell(reply, error)


def _log(error: BaseException, decision_id: str, said: str = "") -> None:
    """The kind of exception and where it was; its message may hold what the request said. `said` is ours, and safe."""
    places = traceback.extract_tb(error.__traceback__)
    way = " < ".join(f"{place.filename}:{place.lineno} {place.name}" for place in reversed(places))
    logger.error("internal error, decision %s: %s at %s", decision_id, said or type(error).__name__, way)


async def refuse(
    scope: Scope, receive: Receive, send: Send, error: BadRequest, endpoint: Endpoint | None = None
) -> None:
    """Answer a request that no handler gets to see."""
    given: bytes | None = dict(scope["headers"]).get(b"x-request-id")
    reply = Reply(receive, send, VOICES[dialect_of(scope, endpoint)], identity.request_id(given, identity.new_id()))
    await reply.error(ClientError.of_bad_request(error))
