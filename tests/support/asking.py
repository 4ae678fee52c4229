"""One streamed exchange with tellers, and what the client makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from tests.support.exchanges import FALLBACK, LIMITS, SPAN, Given, Listener
from tests.support.tellers import Teller, Tellers

from policyroute.absent import ABSENT
from policyroute.catalogue import BY_DIALECT
from policyroute.clearance import Clearance
from policyroute.decide.decision import Candidate, Decision, Hop
from policyroute.decide.resolved import DEFAULT_HOLD, ResolvedFallback, ResolvedHold
from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished, Started, StreamEvent, TextDelta, Usage
from policyroute.exchange.answering import Asks
from policyroute.exchange.carrying import carrying
from policyroute.failures import Failure
from policyroute.policy.model import Price, Provider, Target
from policyroute.policy.qualities import ByTask
from policyroute.record import ExchangeRecord
from policyroute.request import ModelRequest
from policyroute_asgi.access import Access
from policyroute_asgi.drive import Drive
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.outward import sender
from policyroute_asgi.provider_keys import ProviderKeys
from policyroute_asgi.rooms import Rooms
from policyroute_asgi.tokens import Tokens
from policyroute_asgi.upstream import Upstream

GOING_ON = replace(FALLBACK, mid_stream="continue")

_BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "auto", "stream": True, "stream_options": {"include_usage": True}},
    "openai_responses": {"model": "auto", "stream": True, "input": "Tell me of owls."},
    "anthropic": {"model": "auto", "stream": True, "max_tokens": 4000},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Tell me of owls."}]}]},
}
_PATHS = {"gemini": "/v1beta/models/auto:streamGenerateContent"}


def body_of(dialect: str, **more: Any) -> dict[str, Any]:
    body = {**_BODIES[dialect], **more}
    if dialect in {"openai_chat", "anthropic"}:
        body.setdefault("messages", [{"role": "user", "content": "Tell me of owls."}])
    return body


@dataclass
class Got:
    """What the client got: bytes, what they say to a reader of its dialect, and how it ended."""

    raw: bytes
    events: list[StreamEvent]
    failure: Failure | None
    record: ExchangeRecord

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def usage(self) -> Usage | None:
        return next((event for event in reversed(self.events) if isinstance(event, Usage)), None)

    @property
    def is_one_answer(self) -> bool:
        """It began once and ended once."""
        ended = [event for event in self.events if isinstance(event, Finished)]
        begun = {(event.id, event.model) for event in self.events if isinstance(event, Started)}
        return len(ended) == 1 and len(begun) <= 1 and not any(isinstance(event, Broken) for event in self.events)

    @property
    def ways(self) -> list[tuple[str, str, str | None]]:
        return [(attempt.target, attempt.outcome, attempt.carried) for attempt in self.record.attempts]


@lru_cache
def _candidate(name: str, dialect: str, prefill: bool) -> Candidate:
    url = f"http://{name}/v1"
    account = Provider(name, dialect, url, (), "eu", Clearance.INTERNAL, (), {}, SPAN)
    price = Price(ABSENT, ABSENT, ABSENT, ABSENT)
    traits = {name: replace(BY_DIALECT[dialect], prefill=prefill)}
    spec = Target(name, f"{name}-model", (account,), ByTask(), ABSENT, ABSENT, price, {}, {}, SPAN, traits=traits)
    return Candidate(name, spec, account, facts=cast("Any", None))


async def asked(  # noqa: PLR0913 - one name for each thing that a case may differ in
    client: str,
    *tellers: Teller,
    fallback: ResolvedFallback = GOING_ON,
    hold: ResolvedHold = DEFAULT_HOLD,
    prefill: bool = False,
    asks: Asks | None = None,
    body: dict[str, Any] | None = None,
) -> Got:
    request = ModelRequest.read(client, json.dumps(body or body_of(client)).encode(), path=_PATHS.get(client, ""))
    names = "abcdefgh"[: len(tellers)]
    transport = Tellers(**dict(zip(names, tellers, strict=True)))
    candidates = tuple(_candidate(name, each.dialect, prefill) for name, each in zip(names, tellers, strict=True))
    decision = Decision(
        "d1", "r1", None, candidates, (), "default", (), (), fallback, LIMITS, (), (), (), (), hold=hold
    )
    way = sender(transport)
    access = Access(ProviderKeys(lambda: 0.0), Given({}, {}), tokens=Tokens(way))
    upstream = Upstream(
        request, lambda candidate: Hop(candidate, None), access, way, Rooms({}, LoadLimits()), "d1", decision.resume
    )
    listener = Listener()
    drive = Drive(
        decision,
        upstream,
        listener,
        stream=True,
        asks=asks or Asks(hold=hold),
        carrying=carrying(request, decision, upstream.frame),
    )
    record = await drive.run()
    reader = DIALECTS[client].stream()
    events = reader.feed(listener.body)[0]
    events += reader.end() if listener.complete else []
    return Got(listener.body, events, listener.failure, record)
