"""What an embedded test may say was observed of a target.

Rule of this module: a part of `policy.cases`. Every field is read in `author.observed`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policyroute.health.breaker import State
from policyroute.policy.spelling import Delay, Strict, one_of

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class GivenLatency(Strict):
    ttft_p50: Delay | None = None
    ttft_p95: Delay | None = None
    total_p95: Delay | None = None


class GivenHealth(Strict):
    state: Annotated[str, one_of(State)] = "closed"
    error_rate: Share = 0.0
    open_until: Annotated[str | None, Field(description="RFC 3339")] = None
    domain_down: bool = False


class GivenTarget(Strict):
    """What this process is to have observed of a target."""

    latency: GivenLatency | None = None
    health: GivenHealth | None = None
    integrity: Share | None = None
    refusal_rate: Share | None = None
    empty_rate: Share | None = None
    in_flight: Count | None = None
    cache_warm: Annotated[bool | None, Field(description="it was just sent the conversation")] = None
