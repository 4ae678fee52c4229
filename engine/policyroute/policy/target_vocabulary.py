"""A target as CEL sees it: `targets["x"]`, which is known with the request, and `target`, known with each candidate.

Rule of this module: a part of the one list (`policy.vocabulary`). Every field is read in `decide.target_facts`.
"""

from __future__ import annotations

from collections.abc import Callable

from policyroute.cel.types import (
    BOOL,
    CLEARANCE,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Field,
    Phase,
    Type,
    enum_of,
    list_of,
    record,
    total_map,
)
from policyroute.health.breaker import State
from policyroute.policy.capabilities import CAPABILITIES

Known = Callable[..., Field]
"""A field that is known in a phase, of its type and meaning."""


def _parts(known: Known) -> tuple[Type, Type, Type]:
    """Its price, latency and health."""
    price = record(
        "price",
        {
            "input": known(DOUBLE, "per million input tokens", optional=True),
            "cached_input": known(DOUBLE, "per million input tokens read from the provider's cache", optional=True),
            "cache_write": known(DOUBLE, "per million input tokens written to it", optional=True),
            "output": known(DOUBLE, "per million output tokens", optional=True),
        },
    )
    latency = record(
        "latency",
        {
            "ttft_p50": known(DURATION, "time to the first token, median"),
            "ttft_p95": known(DURATION, "time to the first token, 95th percentile"),
            "total_p95": known(DURATION, "time to the last token, 95th percentile"),
            "known": known(BOOL, "false where nothing was observed: the others read as their peers' median"),
        },
    )
    health = record(
        "health",
        {
            "state": known(enum_of(*State), "of its circuit: `closed` is well, `half_open` is being tried"),
            "error_rate": known(DOUBLE, "0..1, of the attempts of the last minute; 0 where there were none"),
            "open_until": known(TIMESTAMP, "when its circuit is open no more", optional=True),
            "domain_down": known(BOOL, "whether a [failure domain](health.md#failure-domains) it is in is down"),
        },
    )
    return price, latency, health


def target_record(phase: Phase) -> Type:
    """Its fields, each known in that phase."""

    def known(type_: Type, doc: str, *, optional: bool = False) -> Field:
        return Field(type_, doc, phase=phase, optional=optional)

    price, latency, health = _parts(known)
    supports = record("supports", {name: known(BOOL, doc) for name, doc in CAPABILITIES.items()})
    return record(
        "target",
        {
            "name": known(STRING, "the target's name"),
            "provider": known(STRING, "the provider it is tried at"),
            "model": known(STRING, "the model id the provider is asked for"),
            "region": known(STRING, "the provider's region, or empty"),
            "clearance": known(CLEARANCE, "how much the provider may be told: `public < internal < confidential`"),
            "failure_domains": known(list_of(STRING), "what the provider falls together with"),
            "tags": known(total_map(), "the provider's and the target's tags; an absent one reads `\"\"`"),
            "quality": known(DOUBLE, "0..1, as declared for the kind of task", optional=True),
            "supports": known(supports, "capabilities"),
            "context_window": known(INT, "tokens, input and output together", optional=True),
            "max_output_tokens": known(INT, "tokens", optional=True),
            "price": known(price, "USD, as declared"),
            "est_cost_usd": known(DOUBLE, "an estimate for this request, from price and tokens", optional=True),
            "latency": known(latency, "observed by this process"),
            "health": known(health, "[how it is](health.md), observed by this process"),
            "integrity": known(DOUBLE, "0..1, the share of its [answers that fit](quality.md) what is asked for"),
            "refusal_rate": known(DOUBLE, "0..1, the share of its answers that refuse"),
            "empty_rate": known(DOUBLE, "0..1, the share of its answers that are empty"),
            "in_flight": known(INT, "attempts being made at it by this process"),
            "cache_warm": known(BOOL, "whether it was sent this conversation in the last five minutes"),
            "learnt_window": known(
                INT, "tokens, where an overflow has shown the window to be smaller than declared", optional=True
            ),
        },
    )
