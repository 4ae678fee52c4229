"""In which order the targets of a route are tried.

Rule of this module: the same request gets the same order, always. Chance is a hash of the conversation's id (or the
request's), so that a recorded request replays and a conversation stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from math import inf, isnan, log
from typing import Any, Final

from policyroute.cel.expression import EvaluationError, Expression
from policyroute.decide.decision import Candidate, RuleError
from policyroute.decide.effects import Order
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.pinning import AHEAD
from policyroute.policy.actions import REQUESTED
from policyroute.request import ModelRequest

_OF_DEFAULT: Final = "rank"
"""The effect by which a rule ranks the default route: what comes out alike keeps the order that is written there."""


def key_of(request: ModelRequest, tenant: str) -> str:
    """What chance rests on: the tenant's conversation, else the request."""
    return request.conversation(tenant) or request.id


def weighted(items: Iterable[str], weights: Mapping[str, float], key: str) -> list[str]:
    """A total order of the items: each comes first as often as its weight says, and when it is out, the others share
    its part as their own weights say (weighted rendezvous hashing). Weight 0 is for when nothing else is left."""
    return sorted(items, key=lambda item: _draw(key, item, weights.get(item, 0.0)))


Named = tuple[Endpoint, Candidate]


def ordered(
    order: Order | None, candidates: Sequence[Named], facts: Facts, errors: list[RuleError]
) -> tuple[Candidate, ...]:
    """The candidates as they are tried. Where the conversation is pinned comes first whatever ranks the others. A rule
    ranks the default route for those who leave the choice to it: not where the client asks for one of it by name."""
    given = [candidate for _, candidate in candidates]
    if order is None or (order.effect == _OF_DEFAULT and any(candidate.why == REQUESTED for candidate in given)):
        return tuple(given)
    stay = [candidate for candidate in given if candidate.why in AHEAD]
    others = [each for each in candidates if each[1].why not in AHEAD] if stay else candidates
    return (*stay, *ranked(order, others, facts, errors))


def ranked(order: Order, candidates: Iterable[Named], facts: Facts, errors: list[RuleError]) -> tuple[Candidate, ...]:
    """The candidates with the smallest value first. Those without a value come after them, in the route's order."""
    value = _valuation(order.by)
    scored: list[Candidate] = []
    unscored: list[Candidate] = []
    for endpoint, candidate in candidates:
        facts.turn_to(endpoint, candidate.facts)
        try:
            score = _checked(value(facts))
        except EvaluationError as error:
            unscored.append(replace(candidate, why="unranked"))
            if isinstance(order.by, Expression):
                errors.append(RuleError(order.rule, order.effect, error.reason, error.span, "skipped"))
        else:
            seen = facts.looked(endpoint)
            given = (candidate.target, candidate.spec, candidate.provider)
            scored.append(Candidate(*given, seen, "ranked", score, candidate.concerns))
    written = order.effect == _OF_DEFAULT or order.by == "integrity"
    if not written and len({candidate.score for candidate in scored}) < len(scored):
        # By target, so that one target's providers keep their order.
        key = key_of(facts.request, facts.client.tenant)
        scored.sort(key=lambda candidate: _draw(key, candidate.target, 1.0))
    scored.sort(key=lambda candidate: candidate.score)
    return (*scored, *unscored)


def _draw(key: str, item: str, weight: float) -> float:
    """Smaller is earlier. Exponentially distributed with the weight as its rate."""
    digest = sha256(f"{key}\0{item}".encode("utf-8", "surrogatepass")).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 1) / 2**64
    return -log(uniform) / weight if weight > 0 else inf


def _valuation(rank: str | Expression) -> Callable[[Facts], Any]:
    if isinstance(rank, Expression):
        return rank.evaluate
    return _BY_NAME[rank]


def _cost(facts: Facts) -> Any:
    return facts.target.est_cost_usd


def _latency(facts: Facts) -> Any:
    """What the client waits for, at its worst: the first token of a stream, the whole of anything else."""
    latency = facts.target.latency
    return latency.ttft_p95 if facts.request.stream else latency.total_p95


def _integrity(facts: Facts) -> Any:
    """Tenths of the answers that break the schema: what differs by less is alike. So is everything where none is
    demanded: nobody measures what comes then."""
    if not facts.schema():
        return 0.0
    return round(1.0 - facts.target.integrity, 1)


_BY_NAME: Final[Mapping[str, Callable[[Facts], Any]]] = {"cost": _cost, "latency": _latency, "integrity": _integrity}


def _checked(value: Any) -> int | float:
    """Durations, timestamps and booleans are ints too."""
    if not isinstance(value, int | float) or isnan(value):
        raise EvaluationError("no number to rank by")
    return value
