"""Which failure domains the policy's targets are in, and what the log and the metrics say of those that are down.

Rule of this module: names, which come from the policy in use; of addresses the host only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from policyroute.decide.state import Place as Named
from policyroute.exchange.elsewhere import domains
from policyroute.health.domains import Domains, News
from policyroute.health.places import Scope
from policyroute.health.together import Domain, Members
from policyroute.policy.model import Provider

logger = logging.getLogger("policyroute.health")

Names = Mapping[Scope, list[Named]]
"""What the policy calls each place: targets at providers."""
ALL: Final = Domain("all", "")


_ORDER: Final = ("provider", "host", "failure_domain", "region", "all")


def members(places: Iterable[tuple[Scope, Provider]]) -> Members:
    """Of all of them, the closest first."""
    found: dict[Domain, set[Scope]] = {}
    for scope, provider in places:
        for domain in (*domains(provider), ALL):
            found.setdefault(domain, set()).add(scope)
    for domain, scopes in found.items():
        if domain.tag == "failure_domain":  # which may be named like a provider: that is then in it
            scopes.update(found.get(Domain("provider", domain.value), ()))
    closest = sorted(found, key=lambda domain: _ORDER.index(domain.tag))
    return {domain: frozenset(found[domain]) for domain in closest}


def say(known: Domains, names: Names) -> None:
    """Tell the log what has happened, once."""
    told, known.news = known.news, []
    for news in told:
        _say(news, names)


def _say(news: News, names: Names) -> None:
    verdict = news.verdict
    if news.begins:
        called = sorted(named for scope in verdict.members for named in names.get(scope, ()))
        who = ", ".join(f"{target} at {provider}" for target, provider in called)
        logger.warning("%s is down, and left alone: %s", verdict.domain, who)
    else:
        logger.warning("%s is up again after %.0f s", verdict.domain, news.at - verdict.since)


class DomainStates(Collector):
    """Read whenever the metrics are."""

    def __init__(self, known: Callable[[], Domains]) -> None:
        self._known = known

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "policyroute_domain_down",
            "1 for a failure domain that is down, as this process sees it",
            labels=["tag", "value"],
        )
        for domain in list(self._known().verdicts):
            family.add_metric(domain, 1)
        yield family
