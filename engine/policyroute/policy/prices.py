"""What a target costs: the price that its policy writes, or the catalogue's.

Rule of this module: a price is the policy's or the catalogue's as a whole. Half of one and half of another would be
nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from policyroute.absent import ABSENT
from policyroute.catalogue import Model, Rates
from policyroute.policy.document import PriceSpec, RatesSpec
from policyroute.policy.model import Price


def written(spec: PriceSpec) -> Price:
    """As the policy has it."""
    base = _rates(spec)
    above = (spec.above.tokens, _price(_filled(_rates(spec.above), base))) if spec.above else None
    return replace(_price(base), above=above)


def dearest(models: Sequence[Model]) -> Price:
    """The highest of several models' prices. It changes for long requests as soon as that of one of them does."""
    limits = [each.above[0] for each in models if each.above]
    above = (min(limits), _price(_highest(_long(each) for each in models))) if limits else None
    tiers = {
        name: _price(_highest(each.tiers[name] for each in models))
        for name in (models[0].tiers if models else ())
        if all(name in each.tiers for each in models)
    }
    return replace(_price(_highest(each.price for each in models)), above=above, tiers=tiers)


def _long(model: Model) -> Rates:
    return _filled(model.above[1], model.price) if model.above else model.price


def _rates(spec: RatesSpec) -> Rates:
    return Rates(spec.input, spec.cached_input, spec.cache_write, spec.output)


def _filled(rates: Rates, base: Rates) -> Rates:
    return Rates(*(low if high is None else high for high, low in zip(_each(rates), _each(base), strict=True)))


def _highest(several: Iterable[Rates]) -> Rates:
    """None of it where there are none."""
    columns = list(zip(*(_each(rates) for rates in several), strict=True)) or [()] * 4
    return Rates(*(max((each for each in column if each is not None), default=None) for column in columns))


def _price(rates: Rates) -> Price:
    fresh, cached, write, output = (ABSENT if each is None else each for each in _each(rates))
    return Price(fresh, cached, write, output)


def _each(rates: Rates) -> tuple[float | None, ...]:
    return rates.input, rates.cached_input, rates.cache_write, rates.output
