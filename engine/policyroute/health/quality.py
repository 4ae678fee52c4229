"""How good each model's answers have been of late: whether they fit the schema, are refusals, or are empty.

Rule of this module: few samples prove little. What is said of a schema begins at what the model's other schemas say,
and that at what is usual; what is old counts for less, so that who was bad is tried again.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

USUAL: Final = 0.01
"""The share of answers that are bad where nothing is known."""
WEIGHT: Final = 20.0
"""As many samples as what is known beforehand is worth."""
OTHERS: Final = 4.0
"""As many other schemas as what is usual is worth, where a schema is new."""
FEWEST: Final = 4.5
"""What five samples are worth at the least: less is none."""
DECAY: Final = 0.98
"""What a sample is worth when the next one comes: about the last 50 count."""
HALF_LIFE: Final = 600.0
"""Seconds after which all of them count for half."""
MODELS, SCHEMAS = 1024, 16
"""How many are known at once, and of each how many schemas; who was noted longest ago goes first."""


class Quality(NamedTuple):
    """Of a model at a provider, each 0 to 1: the share of answers that is expected to fit, to refuse, to be empty."""

    integrity: float = 1.0 - USUAL
    refusal_rate: float = USUAL
    empty_rate: float = USUAL


class Qualities(Protocol):
    def at(self, provider: str, model: str, schema: str, now: float) -> Quality:
        """For answers that have to fit this schema (its hash); empty: any."""
        ...


class Row(NamedTuple):
    """`intact` of `samples` answers fit, both weighed by their age."""

    provider: str
    model: str
    schema: str
    samples: float
    intact: float


class _Tally:
    __slots__ = ("at", "bad", "samples")

    def __init__(self) -> None:
        self.samples = self.bad = self.at = 0.0

    def add(self, bad: bool, now: float) -> None:
        worth = DECAY * self.worth(now)
        self.samples = self.samples * worth + 1.0
        self.bad = self.bad * worth + bad
        self.at = now

    def worth(self, now: float) -> float:
        return math.exp2(min(0.0, self.at - now) / HALF_LIFE)


class _Model:
    __slots__ = ("empty", "refused", "schemas")

    def __init__(self) -> None:
        self.refused, self.empty = _Tally(), _Tally()
        self.schemas: OrderedDict[str, _Tally] = OrderedDict()

    def broken(self, schema: str, now: float) -> float:
        """One schema that is broken says little of the others, many do."""
        others = [_rate(tally, USUAL, now) for name, tally in self.schemas.items() if name != schema]
        usual = (sum(others) + USUAL * OTHERS) / (len(others) + OTHERS)
        own = self.schemas.get(schema)
        return usual if own is None else _rate(own, usual, now)


class AnswerQuality:
    """All models that answered. Times are seconds on one clock."""

    def __init__(self) -> None:
        self._models: OrderedDict[tuple[str, str], _Model] = OrderedDict()

    def fitted(self, provider: str, model: str, schema: str, intact: bool, now: float) -> None:
        """An answer that was measured by the schema of that hash."""
        schemas = self._model(provider, model).schemas
        tally = schemas.pop(schema, None) or _Tally()
        tally.add(not intact, now)
        schemas[schema] = tally
        if len(schemas) > SCHEMAS:
            schemas.popitem(last=False)

    def answered(self, provider: str, model: str, now: float, *, refused: bool, empty: bool) -> None:
        """An answer of any kind."""
        known = self._model(provider, model)
        known.refused.add(refused, now)
        known.empty.add(empty, now)

    def at(self, provider: str, model: str, schema: str, now: float) -> Quality:
        known = self._models.get((provider, model))
        if known is None:
            return Quality()
        rates = (_rate(tally, USUAL, now) for tally in (known.refused, known.empty))
        return Quality(1.0 - known.broken(schema, now), *rates)

    def rows(self) -> list[Row]:
        """Of each schema. From any thread."""
        return [
            Row(*place, schema, tally.samples, tally.samples - tally.bad)
            for place, known in list(self._models.items())
            for schema, tally in list(known.schemas.items())
        ]

    def _model(self, provider: str, model: str) -> _Model:
        known = self._models.pop((provider, model), None) or _Model()
        self._models[provider, model] = known
        if len(self._models) > MODELS:
            self._models.popitem(last=False)
        return known


def _rate(tally: _Tally, usual: float, now: float) -> float:
    """The share that is bad, where `usual` is what is known beforehand."""
    worth = tally.worth(now)
    samples = tally.samples * worth
    if samples < FEWEST:
        return usual
    return (tally.bad * worth + usual * WEIGHT) / (samples + WEIGHT)
