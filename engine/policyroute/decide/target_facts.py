"""A candidate as CEL sees it: `target`, and `targets["name"]`.

Rule of this module: what changes from moment to moment (cost, latency, health, load) is read on first touch,
from the state the object was made with; a new attempt gets a new object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol
from weakref import ref

from policyroute.absent import ABSENT, Absent
from policyroute.cel.expression import EvaluationError
from policyroute.cel.values import Duration, Timestamp, TotalMap
from policyroute.clearance import Clearance
from policyroute.decide.endpoints import Endpoint, Supports
from policyroute.decide.state import WELL, Health, Latency, RoutingState
from policyroute.health.quality import Quality
from policyroute.lazily import Lazy
from policyroute.policy.model import Price
from policyroute.policy.qualities import ByTask
from policyroute.request import ModelRequest
from policyroute.sessions import Session

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""How long an answer is taken to be where the client sets no `max_tokens`."""

_MILLION: Final = 1_000_000


class LatencyFacts:
    """`target.latency`: durations, and whether they were observed at this very endpoint."""

    def __init__(self, seconds: Latency, known: bool) -> None:
        """`seconds` are all numbers (`RoutingState.latency_at`)."""
        self._seconds = seconds
        self.known = known

    @Lazy
    def ttft_p50(self) -> Duration:
        return Duration.of(self._seconds.ttft_p50 or 0.0)

    @Lazy
    def ttft_p95(self) -> Duration:
        return Duration.of(self._seconds.ttft_p95 or 0.0)

    @Lazy
    def total_p95(self) -> Duration:
        return Duration.of(self._seconds.total_p95 or 0.0)

    def as_json(self) -> dict[str, Any]:
        return {
            "ttft_p50_ms": self.ttft_p50.seconds * 1000,
            "ttft_p95_ms": self.ttft_p95.seconds * 1000,
            "total_p95_ms": self.total_p95.seconds * 1000,
            "known": self.known,
        }


class HealthFacts:
    """`target.health`: how its circuit stands."""

    def __init__(self, known: Health) -> None:
        self.state = known.state
        self.error_rate = known.error_rate
        self.open_until = ABSENT if known.open_until is None else Timestamp.of(known.open_until)
        self.domain_down = known.domain_down

    def as_json(self) -> dict[str, Any]:
        until = None if isinstance(self.open_until, Absent) else str(self.open_until)
        seen = {"state": self.state, "error_rate": self.error_rate, "open_until": until}
        return {**seen, "domain_down": True} if self.domain_down else seen


class Asking(Protocol):
    """A request, what is kept of its conversation, and when it is decided (seconds since 1970). `task` is what kind of
    task it is by the policy, or an error where nobody can say; `schema` the hash of what the answer is to fit, or
    empty."""

    request: ModelRequest
    session: Session | None
    now: float

    def task(self) -> str | EvaluationError: ...

    def schema(self) -> str: ...


class TargetFacts:
    name: str
    provider: str
    model: str
    region: str
    clearance: Clearance
    failure_domains: tuple[str, ...]
    tags: TotalMap
    supports: Supports
    context_window: int | Absent
    max_output_tokens: int | Absent
    price: Price

    _declared: ByTask

    def __init__(self, asking: Asking, state: RoutingState) -> None:
        self._request = asking.request
        self._session = asking.session
        self._now = asking.now
        self._asking = ref(asking)  # which knows this one as well: what is cyclic is left to the garbage collector
        self._state = state

    @Lazy
    def quality(self) -> float | Absent:
        """Only one that goes by the kind of task is read here."""
        asking = self._asking()
        task = asking.task() if asking is not None else None
        return self._declared.of(task) if isinstance(task, str) else self._declared.lowest

    @Lazy
    def est_cost_usd(self) -> float | Absent:
        """The prompt at the price of input, but for what the place's cache holds of it; and the answer."""
        request, most = self._request, self.max_output_tokens
        asked, tokens = request.max_tokens, request.input_tokens
        price = self.price.at(tokens) if self.price.above is not None else self.price
        if isinstance(price.input, Absent) or isinstance(price.output, Absent):
            return ABSENT
        output = DEFAULT_OUTPUT_TOKENS if isinstance(asked, Absent) else max(asked, 0)
        if not isinstance(most, Absent):
            output = min(output, most)
        cost = tokens * price.input + output * price.output
        if self._warm and not isinstance(price.cached_input, Absent):
            cost -= min(tokens, self._warm) * (price.input - price.cached_input)
        return cost / _MILLION

    @Lazy
    def cache_warm(self) -> bool:
        return self._warm > 0

    @Lazy
    def _warm(self) -> int:
        session = self._session
        return 0 if session is None else session.warm_tokens((self.name, self.provider), self._now)

    @Lazy
    def latency(self) -> LatencyFacts:
        return LatencyFacts(*self._state.latency_at((self.name, self.provider)))

    @Lazy
    def health(self) -> HealthFacts:
        return HealthFacts(self._state.health.get((self.name, self.provider), WELL))

    @Lazy
    def _answers(self) -> Quality:
        asking = self._asking()
        schema = asking.schema() if asking is not None else ""
        return self._state.quality.at(self.provider, self.model, schema, self._now)

    @Lazy
    def integrity(self) -> float:
        return self._answers.integrity

    @Lazy
    def refusal_rate(self) -> float:
        return self._answers.refusal_rate

    @Lazy
    def empty_rate(self) -> float:
        return self._answers.empty_rate

    @Lazy
    def in_flight(self) -> int:
        return self._state.in_flight.get((self.name, self.provider), 0)

    @Lazy
    def learnt_window(self) -> int | Absent:
        window = self._state.counts.at((self.name, self.provider)).window
        return ABSENT if window is None else window

    def observed(self) -> dict[str, Any]:
        """What rules read of the fields that change from moment to moment, JSON-safe."""
        read = self.__dict__
        seen: dict[str, Any] = {}
        if "est_cost_usd" in read:
            seen["est_cost_usd"] = None if self.est_cost_usd is ABSENT else self.est_cost_usd
        if "learnt_window" in read:
            seen["learnt_window"] = None if self.learnt_window is ABSENT else self.learnt_window
        if "cache_warm" in read:
            seen["cache_warm"] = self.cache_warm
        if "in_flight" in read:
            seen["in_flight"] = self.in_flight
        if "latency" in read:
            seen["latency"] = self.latency.as_json()
        seen |= {name: read[name] for name in Quality._fields if name in read}
        if "health" in read:
            seen["health"] = self.health.as_json()
        return seen


def seen(endpoint: Endpoint, asking: Asking, state: RoutingState) -> TargetFacts:
    """The endpoint as one request sees it. What is the same for all of them is its class's."""
    kind = endpoint.kind
    if kind is None:
        kind = endpoint.kind = type(
            "EndpointFacts", (TargetFacts,), {**endpoint.known, "_declared": endpoint.spec.quality}
        )
    made: TargetFacts = kind(asking, state)
    return made


class Targets(Mapping[str, TargetFacts]):
    """Every target by name, at its first provider; each made when it is asked for."""

    __slots__ = ("_asking", "_endpoints", "_made", "_state")

    def __init__(self, endpoints: Mapping[str, Endpoint], asking: Asking, state: RoutingState) -> None:
        self._endpoints = endpoints
        self._asking = ref(asking)
        self._state = state
        self._made: dict[str, TargetFacts] = {}

    def __getitem__(self, name: str) -> TargetFacts:
        made = self._made.get(name)
        if made is None:
            asking = self._asking()
            assert asking is not None, "it is asked for by whom it was made for"
            made = self._made[name] = seen(self._endpoints[name], asking, self._state)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._endpoints)

    def __len__(self) -> int:
        return len(self._endpoints)
