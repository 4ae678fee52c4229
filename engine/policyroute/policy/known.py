"""What is known of a target's model: what the policy says of it, and where it says nothing, the catalogue.

Rule of this module: the catalogue speaks of vendors' own models only. What another server calls `gpt-5.5` is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policyroute.absent import ABSENT, Absent
from policyroute.catalogue import BY_DIALECT, VENDORS, Model, Traits, traits
from policyroute.catalogue.traits import NAMES as TRAIT_NAMES
from policyroute.cel.findings import did_you_mean
from policyroute.policy import prices
from policyroute.policy.capabilities import CAPABILITIES
from policyroute.policy.document import TargetSpec
from policyroute.policy.files import catalogue
from policyroute.policy.model import Price, Provider
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, dotted

_TRAITS = tuple(name for name in CAPABILITIES if name in TRAIT_NAMES)
"""The capabilities that depend on where a target is tried."""

GENERAL: Final = "dialect and vendor"
"""The origin of what nobody says of the model itself."""


@dataclass(frozen=True, slots=True)
class Facts:
    context_window: int | Absent
    max_output_tokens: int | Absent
    price: Price
    supports: Mapping[str, bool]
    traits: Mapping[str, Traits]
    origins: Mapping[str, str]
    """Who says a fact, by name: `policy`, the catalogue's data (`litellm 1.2.3 of 2026-01-31`), `GENERAL`, or two of
    them (`policy, else ...`)."""


def facts(spec: TargetSpec, providers: Sequence[Provider], file: File, path: Path, report: Report) -> Facts:
    """Of several vendors' models the least holds: the smallest window, the highest price, what all of them can."""
    vendors = dict.fromkeys(each.vendor for each in providers if each.vendor)
    found = {vendor: model for vendor in vendors if (model := _find(vendor, spec, file, path, report))}
    models = list(found.values())
    declared = _declared(spec)
    at = {each.name: _traits(each, spec.model, found.get(each.vendor), declared) for each in providers}
    return Facts(
        _first(spec.context_window, _least(each.context_window for each in models)),
        _first(spec.max_output_tokens, _least(each.max_output_tokens for each in models)),
        prices.written(spec.price) if spec.price.model_fields_set else prices.dearest(models),
        _supports(spec.supports, models, list(at.values())),
        at,
        dict(_origins(spec, models)),
    )


def _origins(spec: TargetSpec, models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Of each fact that is known, who says it. The capabilities may come from several: the policy's prevail."""
    for name in ("context_window", "max_output_tokens"):
        if getattr(spec, name) is not None:
            yield name, "policy"
        elif any(getattr(each, name) is not None for each in models):
            yield name, catalogue().origin
    if spec.price.model_fields_set:
        yield "price", "policy"
    elif any(each.price.input is not None or each.price.output is not None for each in models):
        yield "price", catalogue().origin
    known = any(each.capabilities is not None for each in models)
    said = "policy, else " if spec.supports or spec.takes else ""
    yield "supports", said + (catalogue().origin if known else GENERAL)


def _find(vendor: str, spec: TargetSpec, file: File, path: Path, report: Report) -> Model | None:
    if not VENDORS[vendor].lists_models:
        return None
    models = catalogue()
    found = models.find(vendor, spec.model)
    if found is None and (spec.context_window is None or spec.price.input is None):
        place = (*path, "model")
        message = f"the catalogue does not know `{spec.model}` of {VENDORS[vendor].title}"
        near = did_you_mean(spec.model, models.names(vendor))
        hint = "write its `context_window` and `price` here" + (f"; {near}" if near else "")
        report.warning("unknown-model", message, file.span(place), hint=hint, path=dotted(place))
    return found


def _traits(provider: Provider, model: str, found: Model | None, declared: Mapping[str, Any]) -> Traits:
    """The dialect's own where nothing is taken otherwise: requests are not looked at for these."""
    usual = BY_DIALECT[provider.dialect]
    made = traits(provider.dialect, provider.vendor, model, found, declared)
    return usual if made == usual else made


def _declared(spec: TargetSpec) -> Mapping[str, Any]:
    """The traits that the policy says, by their names."""
    able = {name: value for name, value in spec.supports.items() if name in TRAIT_NAMES}
    takes = spec.takes.model_dump(exclude_none=True, by_alias=True) if spec.takes else {}
    lists: dict[str, Any] = {name: tuple(takes[name]) for name in ("efforts", "service_tier") if name in takes}
    return {**able, **takes, **lists}


def _supports(declared: Mapping[str, bool], models: Sequence[Model], at: Sequence[Traits]) -> Mapping[str, bool]:
    """Every capability. A target that is declared to make embeddings does nothing else unless it is declared to."""
    embeds = declared.get("embeddings", False)
    made = {"chat": not embeds, "embeddings": embeds, "streaming": True}
    if "embeddings" not in declared:
        for name in ("chat", "embeddings"):
            said = {each.has(name) for each in models} - {None}
            made[name] = False not in said if said else made[name]
    for name in _TRAITS:
        made[name] = all(getattr(each, name) not in (False, "none") for each in at)
    return {name: {**made, **declared}[name] for name in CAPABILITIES}


def _least(values: Iterable[int | None]) -> int | None:
    return min((each for each in values if each is not None), default=None)


def _first(written: int | None, found: int | None) -> int | Absent:
    return written if written is not None else ABSENT if found is None else found
