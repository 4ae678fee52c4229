"""What is known of the targets at the moment of a decision: latency, health, load, and which providers have no key.

Rule of this module: observations come in as plain numbers (seconds), from whoever watches the traffic. Nothing here
measures, and making one per request costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from policyroute.decide.overrides import NONE_IN_FORCE, Overrides
from policyroute.health.quality import AnswerQuality, Qualities

Place = tuple[str, str]
"""A target at one of its providers, by name: `("gpt", "openai")`."""


class Latency(NamedTuple):
    """Seconds lately observed at one place; None where nothing was. `ttft` is of streams."""

    ttft_p50: float | None = None
    ttft_p95: float | None = None
    total_p95: float | None = None

    @property
    def known(self) -> bool:
        """Every figure is the place's own."""
        return None not in self


UNKNOWN: Final = Latency()


class Health(NamedTuple):
    """One place's circuit: `closed`, `open` or `half_open`; the share of its latest attempts that failed; until
    when it is open (seconds since 1970), None where it is closed; whether it is in a failure domain that is down."""

    state: str = "closed"
    error_rate: float = 0.0
    open_until: float | None = None
    domain_down: bool = False


WELL: Final = Health()


class GatewayLoad(NamedTuple):
    """This process: requests being served, those as a share of what it serves at once (0 to 1), requests that wait."""

    in_flight: int = 0
    load: float = 0.0
    queue: int = 0


IDLE: Final = GatewayLoad()


class Counted(NamedTuple):
    """What traffic has taught about prompts at one place: the window in tokens, None where it is not known to be
    smaller than declared, and how many tokens are counted there for each that is estimated."""

    window: int | None = None
    ratio: float = 1.0


AS_ESTIMATED: Final = Counted()


class Counts(NamedTuple):
    """By place; `narrowed` are the places whose window is known to be smaller than declared."""

    by_place: Mapping[Place, Counted]
    narrowed: Collection[Place]

    def at(self, place: Place) -> Counted:
        return self.by_place.get(place, AS_ESTIMATED)


_NO_COUNTS: Final = Counts({}, ())
_NO_LATENCY: Final[Mapping[Place, Latency]] = {}
_NO_HEALTH: Final[Mapping[Place, Health]] = {}
_NO_IN_FLIGHT: Final[Mapping[Place, int]] = {}
_NO_QUALITY: Final[Qualities] = AnswerQuality()


class RoutingState:
    """One moment's view. The mappings may be live: a new state per request over the same mappings is the way to use it.

    `in_flight` counts open attempts by place, `counts` is what prompts come to there, `health` how the places are: a
    place that is not in it is well; `quality` is how good answers have been. `missing_secrets` names the providers
    whose key could not be read: their candidates are out. `overrides` are the operator's at this moment.
    """

    __slots__ = (
        "_typical",
        "counts",
        "gateway",
        "health",
        "in_flight",
        "latency",
        "missing_secrets",
        "overrides",
        "quality",
    )

    def __init__(  # noqa: PLR0913 - one name for each thing that is known
        self,
        latency: Mapping[Place, Latency] = _NO_LATENCY,
        in_flight: Mapping[Place, int] = _NO_IN_FLIGHT,
        gateway: GatewayLoad = IDLE,
        missing_secrets: frozenset[str] = frozenset(),
        counts: Counts = _NO_COUNTS,
        *,
        overrides: Overrides = NONE_IN_FORCE,
        health: Mapping[Place, Health] = _NO_HEALTH,
        quality: Qualities = _NO_QUALITY,
    ) -> None:
        self.health = health
        self.quality = quality
        self.counts = counts
        self.overrides = overrides
        self.latency = latency
        self.in_flight = in_flight
        self.gateway = gateway
        self.missing_secrets = missing_secrets
        self._typical: Latency | None = None

    @classmethod
    def empty(cls) -> RoutingState:
        """Nothing observed, nothing in flight, every key there, no override."""
        return cls()

    def latency_at(self, place: Place) -> tuple[Latency, bool]:
        """The figures for a place, all of them numbers, and whether they are its own.

        A figure that is unknown reads as the median of the places where it is known, and as zero where there are none:
        a newcomer is neither favoured nor shunned.
        """
        seen = self.latency.get(place, UNKNOWN)
        if seen.known:
            return seen, True
        if self._typical is None:
            self._typical = typical(self.latency.values())
        usual = self._typical
        return Latency(*[peer if own is None else own for own, peer in zip(seen, usual, strict=True)]), False


def typical(observed: Iterable[Latency]) -> Latency:
    """The median of each figure over the places where it is known; zero where it is known nowhere."""
    every = tuple(observed)
    return Latency(*[_median([x for one in every if (x := one[figure]) is not None]) for figure in range(len(UNKNOWN))])


def _median(known: list[float]) -> float:
    """`statistics.median` takes ten times as long, and a rule may ask on every request."""
    if not known:
        return 0.0
    known.sort()
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
