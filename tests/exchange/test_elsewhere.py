"""After a failure of a place those come first that do not fall together with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.machine import FALLBACK, LIMITS, anybody, said

from policyroute.decide.decision import Candidate
from policyroute.decide.pinning import SAME_TARGET
from policyroute.exchange.commands import Failed
from policyroute.exchange.elsewhere import apart_first
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind
from policyroute.health.together import Domain

Make = Callable[..., Candidate]

ONCE = replace(FALLBACK, retries=0, max_swaps=3, max_attempts=4, swap_delay=0.0)


def at(made: Candidate, provider: str, *failure_domains: str, region: str = "") -> Candidate:
    address = f"https://{provider}.example/v1"
    where = replace(made.provider, name=provider, base_url=address, failure_domains=failure_domains, region=region)
    return replace(made, provider=where)


def asked(candidates: list[Candidate], kind: FailureKind) -> list[str]:
    """Who is asked one after the other, where each fails with that kind."""
    exchange = Exchange(candidates, ONCE, LIMITS, stream=False, eligible=anybody)
    opened = said(exchange.start(0.0))
    for number in range(1, len(candidates)):
        opened += said(exchange.step(Failed(number, Failure(kind, "in words")), float(number)))
    return [each.removeprefix("open ") for each in opened]


def line(candidate: Make) -> list[Candidate]:
    return [
        at(candidate("gpt"), "openai"),
        at(candidate("mini"), "openai"),
        at(candidate("twin"), "azure", "openai"),
        at(candidate("claude"), "anthropic"),
    ]


@pytest.mark.parametrize("kind", [FailureKind.UNAVAILABLE, FailureKind.OVERLOADED, FailureKind.TIMEOUT_CONNECT])
def test_another_domain_comes_first_when_a_place_has_failed(candidate: Make, kind: FailureKind) -> None:
    assert asked(line(candidate), kind) == ["gpt", "claude", "mini", "twin"]


def test_the_same_region_comes_after_others_and_before_the_same_provider(candidate: Make) -> None:
    names = [
        ("gpt", "openai", "eu"),
        ("mini", "openai", "us"),
        ("mistral", "mistral", "eu"),
        ("claude", "anthropic", "us"),
    ]
    made = [at(candidate(target), provider, region=region) for target, provider, region in names]
    assert asked(made, FailureKind.UNAVAILABLE) == ["gpt", "claude", "mistral", "mini"]
    assert asked(made[:3], FailureKind.UNAVAILABLE) == ["gpt", "mistral", "mini"]


def test_where_all_fall_together_the_order_stays(candidate: Make) -> None:
    assert asked(line(candidate)[:3], FailureKind.UNAVAILABLE) == ["gpt", "mini", "twin"]


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.CONTENT_FILTERED, FailureKind.SCHEMA_INVALID])
def test_what_is_no_fault_of_the_place_changes_no_order(candidate: Make, kind: FailureKind) -> None:
    fallback = replace(ONCE, after=frozenset(FailureKind))
    exchange = Exchange(line(candidate), fallback, LIMITS, stream=False, eligible=anybody)
    exchange.start(0.0)
    assert said(exchange.step(Failed(1, Failure(kind, "in words")), 1.0)) == ["open mini"]


def test_other_providers_of_a_pinned_target_stay_ahead(candidate: Make) -> None:
    gpt, mini, _, claude = line(candidate)
    assert asked([gpt, replace(mini, why=SAME_TARGET), claude], FailureKind.UNAVAILABLE) == ["gpt", "mini", "claude"]


@given(
    providers=st.lists(st.sampled_from(["a", "b", "c"]), max_size=6),
    fallen=st.frozensets(st.sampled_from(["a", "b", "c"])),
)
def test_nobody_is_lost_and_those_who_are_alike_keep_their_order(
    candidate: Make, providers: list[str], fallen: frozenset[str]
) -> None:
    later = tuple(at(candidate(str(number)), provider) for number, provider in enumerate(providers))
    order = apart_first(later, {Domain("provider", name) for name in fallen})
    assert sorted(map(id, order)) == sorted(map(id, later))
    for down in (True, False):
        alike = [each for each in later if (each.provider.name in fallen) is down]
        assert [each for each in order if each in alike] == alike
