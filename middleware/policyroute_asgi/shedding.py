"""How a request comes by its place where none is free: it waits, by the standing of its profile, or is turned away.

Rule of this module: where there is a place, it costs nothing. Where there is none, the headers and what is kept of the
conversation say who goes first; no body is looked at, and nobody waits for longer than its client does.
"""

from __future__ import annotations

import asyncio

from policyroute.request import Profiles
from policyroute.sessions import Session
from policyroute_asgi.activation import PolicySource
from policyroute_asgi.bodies import ClientGone
from policyroute_asgi.door import Caller
from policyroute_asgi.load import Places, Refused
from policyroute_asgi.sessions import Sessions
from policyroute_asgi.telemetry import Telemetry
from policyroute_asgi.visit import Visit


class Shedding:
    """Used on one event loop."""

    def __init__(self, holder: PolicySource, places: Places, telemetry: Telemetry, sessions: Sessions) -> None:
        self._holder = holder
        self._places = places
        self._telemetry = telemetry
        self._sessions = sessions

    async def place(self, visit: Visit, caller: Caller) -> None:
        """Take a place. Raises Refused where there is none in time, or for others only; ClientGone; BadRequest for a
        profile that the request may not have."""
        if self._places.take():
            return
        profiles = self._holder.current.policy.program.profiles
        session = await self._sessions.named(visit.headers, caller.client.tenant)
        profile = session.profile if session is not None else _named(visit, caller, profiles)
        turn = asyncio.create_task(self._places.wait(standing(profiles, profile, session)))
        try:
            await self.wait(visit, profile, turn)
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._places.leave()  # the place came, and whoever waited for it was ended before it was told
            raise

    async def wait(self, visit: Visit, profile: str, turn: asyncio.Task[None]) -> None:
        """For the turn, as long as the client does. Raises ClientGone, and what `turn` raises; refusals count."""
        gone = asyncio.ensure_future(visit.reply.hung_up())
        self._telemetry.queued += 1
        try:
            await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                raise ClientGone
            turn.result()
        except Refused:
            self._telemetry.metrics.shed.of(profile).inc()
            raise
        finally:
            self._telemetry.queued -= 1
            gone.cancel()
            if not turn.done():
                turn.cancel()


def standing(profiles: Profiles, profile: str, session: Session | None) -> int:
    """The higher, the later it is turned away. Of those that the policy sheds last, a conversation that is under way
    goes before one that only begins: an agent in mid-task has most to lose."""
    under_way = session is not None and session.turns > 0 and profile not in profiles.shed
    return profiles.standing(profile) + under_way


def _named(visit: Visit, caller: Caller, profiles: Profiles) -> str:
    """Raises BadRequest: as it would be told later, but without waiting for that."""
    named = visit.headers.get(b"x-router-profile", b"").decode("latin-1")
    return profiles.chosen(named, caller.client.profiles)
