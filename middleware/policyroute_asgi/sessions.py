"""Conversations from one request to the next: found when a request comes, added to before its client sees the end.

Rule of this module: one read a request, and one write when it is over, which is waited for only where the pin changes:
whoever asks next, at whatever worker, has to find that. No trouble with the store is a request's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from policyroute.decide.decision import Candidate, Decision, RuleError
from policyroute.decide.overrides import OVERRIDE
from policyroute.decide.policy_set import PolicySet
from policyroute.decide.state import RoutingState
from policyroute.divergence import Reaction, task_step
from policyroute.record import ExchangeRecord
from policyroute.request import BadRequest, Client, ModelRequest, Operation, Profiles
from policyroute.request.ingest import conversation_of, of_tenant
from policyroute.sessions import Place, Session, Turn, next_turn, read, rewritten
from policyroute_asgi.state.store import Change, StateStore, update_in_time

KIND: Final = "session"
_WITH_CONVERSATION: Final = frozenset({Operation.CHAT, Operation.COUNT_TOKENS})


class Sessions:
    """All conversations', in the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def of(self, request: ModelRequest, policy: PolicySet, client: Client, state: RoutingState) -> Sitting:
        """What is known of the request's conversation, and the request as part of that."""
        errors: list[RuleError] = []
        key = policy.conversation_key(request, client, state, request.time, errors)
        if key and key != request.conversation_id:
            request = request.declaring(conversation_id=key)
        conversation = request.conversation(client.tenant)
        if not conversation or request.operation not in _WITH_CONVERSATION:
            return Sitting(self._store, request, "", None, errors)
        session = await self._found(conversation)
        if session is not None and session.profile != request.profile:
            request = _in_profile(request, session.profile, policy.program.profiles, client)
        return Sitting(self._store, request, conversation, session, errors)

    async def named(self, headers: Mapping[bytes, bytes], tenant: str) -> Session | None:
        """The conversation that headers alone say a request is of. Never raises."""
        try:
            name = conversation_of(
                {key.decode("latin-1"): value.decode("latin-1") for key, value in headers.items()}, ""
            )
        except BadRequest:
            return None
        return await self._found(of_tenant(tenant, name)) if name else None

    async def _found(self, conversation: str) -> Session | None:
        return read(await self._store.get(KIND, conversation))


def _in_profile(request: ModelRequest, kept: str, profiles: Profiles, client: Client) -> ModelRequest:
    """A profile is picked once, but it has to be there still, and granted."""
    granted = client.profiles is None or kept in client.profiles
    return request.declaring(profile=kept) if granted and kept in profiles.known else request


class Sitting:
    """One request's part in its conversation. `conversation` is empty where it has none, `session` None where it is the
    first of it. `errors`: rules that could not say which it is. `overridden`: an operator's override came between."""

    def __init__(
        self,
        store: StateStore,
        request: ModelRequest,
        conversation: str,
        session: Session | None,
        errors: Iterable[RuleError],
    ) -> None:
        self.errors = tuple(errors)
        self.request = request
        self.session = session
        self._pinned = session.pin if session is not None else None
        self._store = store
        self._conversation = conversation if request.operation is Operation.CHAT else ""
        self._decision: Decision | None = None
        self._noted = False
        self.overridden = False

    def decided(self, decision: Decision) -> None:
        self._decision = decision

    async def answered(self, record: ExchangeRecord) -> None:
        """The answer is there, and the client is about to see its end. Never raises."""
        if self._pin(_served(record)) not in {"new", "moved"}:
            self.over(record)
        elif (noted := self._note(record)) is not None:
            await update_in_time(self._store, KIND, self._conversation, *noted)

    def over(self, record: ExchangeRecord | None) -> None:
        """The request is over, however that came."""
        if (noted := self._note(record)) is not None:
            self._store.update_later(KIND, self._conversation, *noted)

    def _note(self, record: ExchangeRecord | None) -> tuple[Change, float] | None:
        """What this request adds, and for how long that is kept; once."""
        decision = self._decision
        if not self._conversation or decision is None or self._noted:
            return None
        self._noted = True
        return partial(rewritten, self._turn(record, decision)), decision.session.ttl

    def _turn(self, record: ExchangeRecord | None, decision: Decision) -> Turn:
        session, request, reaction = self.session, self.request, decision.reaction
        served = _served(record)
        tokens = record.attempts[-1].input_tokens if record is not None and record.attempts else None
        return Turn(
            request.time,
            request.profile,
            decision.session,
            served,
            tokens or request.size // 4,
            self._pinned.generation if self._pinned is not None else -1,
            self._left(record, served),
            _level(session, decision, record),
            reaction.evidence.mark if reaction is not None else "",
            task_step(request.headers) if record is not None and record.completed else None,
        )

    def _left(self, record: ExchangeRecord | None, served: Place | None) -> str:
        """Why somebody else answered than the one that the conversation is pinned to, as a code."""
        session, pin = self.session, self._pinned
        if session is None or pin is None or record is None or served in {None, pin.place}:
            return ""
        place = pin.place
        for attempt in record.attempts:
            if (attempt.target, attempt.provider) == place:
                return attempt.outcome
        for skipped in record.skipped:
            if (skipped.target, skipped.provider) == place:
                return skipped.code
        if self._decision is not None and self._decision.unpinned:
            return self._decision.unpinned
        if self.overridden:
            return OVERRIDE
        return "returned" if served == session.home else "reordered"

    def words(self, candidate: Candidate, record: ExchangeRecord) -> str:
        """For a header, when `candidate` begins to answer; empty where there is no conversation, and nothing was done
        about one."""
        place = (candidate.target, candidate.provider.name)
        said = [f"turn={next_turn(self.session)}"] if self._conversation else []
        if pin := self._pin(place):
            said.append(f"pin={pin}")
            if left := self._left(record, place):
                said.append(f"why={left}")
        if self._decision is not None and self._decision.reaction is not None:
            said.append(f"reaction={self._decision.reaction.kind}")
        return "; ".join(said)

    def _pin(self, served: Place | None) -> str:
        """What came of the pin: `new`, `kept` or `moved`; empty where there is none, or nobody answered."""
        decision = self._decision
        if decision is None or not (decision.session.pin and self._conversation) or served is None:
            return ""
        if self._pinned is None:
            return "new"
        return "kept" if self._pinned.place == served else "moved"

    def outcome(self, record: ExchangeRecord | None) -> tuple[str, Reaction | None]:
        """For numbers: what came of the pin (empty: nothing), and what was done about a conversation that goes round in
        circles."""
        return self._pin(_served(record)), self._decision.reaction if self._decision is not None else None

    def as_json(self, record: ExchangeRecord | None) -> dict[str, Any] | None:
        """For the record: None where there is no conversation, and nothing was done about one."""
        session, pin, decision = self.session, self._pinned, self._decision
        reaction = decision.reaction if decision is not None else None
        if decision is None or not (self._conversation or reaction):
            return None
        served = _served(record)
        return {
            "turn": next_turn(session),
            "profile": self.request.profile,
            "pin": decision.session.pin,
            "pinned": "/".join(pin.place) if pin is not None else None,
            "moved": self._left(record, served) or None,
            "switches": session.switches if session is not None else 0,
            "reaction": reaction.as_json() if reaction is not None else None,
        }


def _served(record: ExchangeRecord | None) -> Place | None:
    """Whose answer the client got, or the beginning of one."""
    if record is None or record.committed is None or not record.attempts:
        return None
    last = record.attempts[-1]
    return last.target, last.provider


def _level(session: Session | None, decision: Decision, record: ExchangeRecord | None) -> int:
    """How often something was done about it, with this request. An answer that repeats itself counts: what comes next
    is the next thing."""
    level = session.divergence if session is not None else 0
    level = decision.reaction.level if decision.reaction is not None else level
    return level + (record is not None and any(attempt.circled for attempt in record.attempts))
