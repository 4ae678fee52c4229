"""One exchange with real providers, and a client that keeps what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import httpx

from policyroute.absent import ABSENT
from policyroute.clearance import Clearance
from policyroute.decide.decision import Candidate, Decision, Denial, Hop
from policyroute.decide.resolved import ResolvedFallback, ResolvedLimits
from policyroute.decide.state import Place
from policyroute.failures import DEFAULT_AFTER, Failure
from policyroute.policy.accounts import SecretRef
from policyroute.policy.model import Price, Provider, Target
from policyroute.policy.qualities import ByTask
from policyroute.problems import Span
from policyroute.record import ExchangeRecord
from policyroute.request import ModelRequest
from policyroute_asgi.access import Access
from policyroute_asgi.brought_keys import NO_KEYS, BroughtKeys
from policyroute_asgi.client_side import Answer
from policyroute_asgi.drive import Drive
from policyroute_asgi.load import LoadLimits
from policyroute_asgi.outward import sender
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.provider_keys import ProviderKeys
from policyroute_asgi.resting import Caution, Resting
from policyroute_asgi.rooms import Rooms
from policyroute_asgi.secrets import Key
from policyroute_asgi.tokens import Tokens
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

    async def deny(self, denial: Denial) -> None:
        raise AssertionError(f"nobody here has rules that deny: {denial.code}")

    async def hung_up(self) -> None:
        await self.leave.wait()


class Given(NamedTuple):
    keys: Mapping[str, tuple[Key, ...]]
    connections: Mapping[str, Connection]


def candidate(target: str, base_url: str, keys: tuple[SecretRef, ...] = (), *, client_key: bool = False) -> Candidate:
    account = Provider(target, "openai_chat", base_url, keys, "eu", Clearance.INTERNAL, (), {}, SPAN, client_key)
    price = Price(ABSENT, ABSENT, ABSENT, ABSENT)
    spec = Target(target, f"{target}-model", (account,), ByTask(), ABSENT, ABSENT, price, {}, {}, SPAN)
    return Candidate(target, spec, account, facts=cast("Any", None))


def decision(candidates: Sequence[Candidate], fallback: ResolvedFallback, limits: ResolvedLimits) -> Decision:
    return Decision("d1", "r1", None, tuple(candidates), (), "default", (), (), fallback, limits, (), (), (), ())


def transport_of(kind: str) -> httpx.AsyncBaseTransport:
    return provider_transport(TransportSettings(kind=cast("Literal['aiohttp', 'httpx']", kind)))


@dataclass
class Gateway:
    """A transport, its keys and settings by provider (`a`, `b`, ...); `ask` runs one exchange over the given base URLs,
    in order. `own_keys` are the caller's, for the providers in `takes_own`."""

    transport: httpx.AsyncBaseTransport
    keys: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, str | tuple[str, ...]])
    own_keys: BroughtKeys = NO_KEYS
    takes_own: str = ""
    connections: dict[str, Connection] = field(default_factory=dict[str, Connection])
    ring: ProviderKeys = field(default_factory=lambda: ProviderKeys(time.monotonic))
    resting: Resting = field(default_factory=lambda: Resting(time.monotonic))
    fallback: ResolvedFallback = FALLBACK
    limits: ResolvedLimits = LIMITS
    open: dict[Place, int] = field(default_factory=dict[Place, int])

    def pools(self) -> dict[str, tuple[Key, ...]]:
        given = {name: (keys,) if isinstance(keys, str) else keys for name, keys in self.keys.items()}
        return {name: tuple(Key(f"env KEY_{n}", key) for n, key in enumerate(keys)) for name, keys in given.items()}

    def candidate(self, name: str, url: str) -> Candidate:
        refs = tuple(SecretRef("env", key.place.removeprefix("env ")) for key in self.pools().get(name, ()))
        return candidate(name, url, refs, client_key=name in self.takes_own)

    def drive(
        self, listener: Listener, *base_urls: str, stream: bool = False, bug_in_hop: int = 0, conversation: str = ""
    ) -> Drive:
        hops = 0

        def hop_of(asked: Candidate) -> Hop:
            nonlocal hops
            hops += 1
            if hops == bug_in_hop:
                raise ZeroDivisionError
            return Hop(asked, None)

        body = b'{"model":"auto","messages":[{"role":"user","content":"Hi"}],"stream":%s}'
        request = ModelRequest.read("openai_chat", body % (b"true" if stream else b"false"))
        candidates = [self.candidate("abcd"[number], url) for number, url in enumerate(base_urls)]
        way = sender(self.transport)
        access = Access(
            self.ring, Given(self.pools(), self.connections), conversation, self.own_keys, tokens=Tokens(way)
        )
        caution = Caution(self.resting, candidates, self.fallback.after, request.operation)
        upstream = Upstream(request, hop_of, access, way, Rooms(self.open, LoadLimits()), "d1", caution=caution)
        return Drive(decision(candidates, self.fallback, self.limits), upstream, listener, stream=stream)

    async def ask(
        self, *base_urls: str, stream: bool = False, listener: Listener | None = None, conversation: str = ""
    ) -> tuple[Listener, ExchangeRecord]:
        listener = listener or Listener()
        return listener, await self.drive(listener, *base_urls, stream=stream, conversation=conversation).run()

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(self, *trouble: object) -> None:
        await self.transport.aclose()
        assert not self.open, "attempts that were not counted down"
