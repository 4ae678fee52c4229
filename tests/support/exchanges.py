"""One exchange with real providers, and a client that keeps what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import httpx

from policyroute.absent import ABSENT
from policyroute.clearance import Clearance
from policyroute.decide.decision import Candidate, Decision, Hop, ResolvedFallback, ResolvedLimits
from policyroute.decide.state import Place
from policyroute.failures import DEFAULT_AFTER, Failure
from policyroute.policy.model import Price, Provider, Target
from policyroute.problems import Span
from policyroute.record import ExchangeRecord
from policyroute.request import ModelRequest
from policyroute_asgi.drive import Answer, Drive
from policyroute_asgi.outward import sender
from policyroute_asgi.transport import TransportSettings, provider_transport
from policyroute_asgi.upstream import Upstream

SPAN = Span("policy.yaml", 1, 1, 1, 2)
FALLBACK = ResolvedFallback(DEFAULT_AFTER, retries=0, max_swaps=2, max_attempts=4, swap_delay=0.0)
LIMITS = ResolvedLimits(connect=5.0, ttft=10.0, idle=10.0, total=30.0)


@dataclass
class Listener:
    """A `ClientSide` that keeps everything. `leave` is set to hang up; `first` is set by the first bytes."""

    target: str | None = None
    parts: list[bytes] = field(default_factory=list[bytes])
    complete: bool = False
    failure: Failure | None = None
    first: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    async def commit(self, answer: Answer) -> None:
        assert self.target is None
        self.target = answer.attempt.candidate.target

    async def send(self, raw: bytes, *, more: bool) -> None:
        assert self.target is not None and not self.complete and self.failure is None
        self.parts.append(raw)
        self.complete = not more
        self.first.set()

    async def fail(self, failure: Failure) -> None:
        assert not self.complete and self.failure is None
        self.failure = failure

    async def hung_up(self) -> None:
        await self.leave.wait()


def candidate(target: str, base_url: str) -> Candidate:
    account = Provider(target, "openai_chat", base_url, None, "eu", Clearance.INTERNAL, (), {}, SPAN)
    price = Price(ABSENT, ABSENT, ABSENT, ABSENT)
    spec = Target(target, f"{target}-model", (account,), ABSENT, ABSENT, ABSENT, price, {}, {}, SPAN)
    return Candidate(target, spec, account, facts=cast("Any", None))


def decision(candidates: Sequence[Candidate], fallback: ResolvedFallback, limits: ResolvedLimits) -> Decision:
    return Decision("d1", "r1", None, tuple(candidates), (), "default", (), (), fallback, limits, (), (), (), ())


def transport_of(kind: str) -> httpx.AsyncBaseTransport:
    return provider_transport(TransportSettings(kind=cast("Literal['aiohttp', 'httpx']", kind)))


@dataclass
class Gateway:
    """A transport and its keys; `ask` runs one exchange over the given base URLs, in order."""

    transport: httpx.AsyncBaseTransport
    keys: dict[str, str] = field(default_factory=dict[str, str])
    fallback: ResolvedFallback = FALLBACK
    limits: ResolvedLimits = LIMITS
    open: dict[Place, int] = field(default_factory=dict[Place, int])

    def drive(self, listener: Listener, *base_urls: str, stream: bool = False, bug_in_hop: int = 0) -> Drive:
        hops = 0

        def hop_of(asked: Candidate) -> Hop:
            nonlocal hops
            hops += 1
            if hops == bug_in_hop:
                raise ZeroDivisionError
            return Hop(asked, None)

        body = b'{"model":"auto","messages":[{"role":"user","content":"Hi"}],"stream":%s}'
        request = ModelRequest.read("openai_chat", body % (b"true" if stream else b"false"))
        candidates = [candidate("abcd"[number], url) for number, url in enumerate(base_urls)]
        upstream = Upstream(request, hop_of, self.keys, sender(self.transport), self.open)
        return Drive(decision(candidates, self.fallback, self.limits), upstream, listener, stream=stream)

    async def ask(
        self, *base_urls: str, stream: bool = False, listener: Listener | None = None
    ) -> tuple[Listener, ExchangeRecord]:
        listener = listener or Listener()
        return listener, await self.drive(listener, *base_urls, stream=stream).run()

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(self, *trouble: object) -> None:
        await self.transport.aclose()
        assert not self.open, "attempts that were not counted down"
