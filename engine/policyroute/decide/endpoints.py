"""Targets at their providers, as far as they can be known when a policy is loaded.

Rule of this module: made once a policy set; nothing here depends on a request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from policyroute.absent import Absent
from policyroute.catalogue import BY_DIALECT, FREE, Traits
from policyroute.cel.values import TotalMap
from policyroute.dialects import DIALECTS
from policyroute.dialects.concerns import Concern
from policyroute.policy.model import Provider, Target
from policyroute.request import Operation

AUTO: Final = "auto"
"""The model name by which a client leaves the choice to the rules."""


NEEDED: Final[Mapping[Operation, str]] = {
    Operation.CHAT: "chat",
    Operation.EMBEDDINGS: "embeddings",
    Operation.COUNT_TOKENS: "chat",
}
"""The capability that a target must have for an operation at all."""


DECIDING: Final = ("tools", "images", "files", "audio", "video", "streaming")
"""The capabilities without which a target cannot have a request that needs them. To all others it is adapted."""


@dataclass(frozen=True, slots=True)
class Supports:
    """What a target can do, as CEL sees it: one field for each of `CAPABILITIES`."""

    chat: bool
    embeddings: bool
    streaming: bool
    tools: bool
    tool_choice: bool
    parallel_tools: bool
    json_object: bool
    json_schema: bool
    tools_with_schema: bool
    images: bool
    image_urls: bool
    files: bool
    audio: bool
    video: bool
    system: bool
    mid_system: bool
    prefill: bool
    reasoning: bool
    sampling: bool
    sampling_reasoning: bool
    penalties: bool
    seed: bool
    logprobs: bool
    n: bool


class Endpoint:
    """A target at one of its providers.

    `known` is what CEL sees of it, as far as it never changes: a quality that goes by the kind of task is not in it.
    `kind` is the class of what has all of that, made when it is first asked for.
    `serves` what it may be asked for, `lacks` the
    capabilities it is declared not to have, and `window` its context window in tokens, endless where none is declared.
    `concerns` is what a body of its own dialect is asked before it goes there as it is: the client may have had another
    model in mind. Of a target that nobody knows nothing is asked.
    """

    __slots__ = ("concerns", "dialect", "kind", "known", "lacks", "provider", "serves", "spec", "window")

    def __init__(self, spec: Target, provider: Provider) -> None:
        self.spec = spec
        self.provider = provider
        self.kind: Any = None
        self.dialect = provider.dialect
        self.window: float = inf if isinstance(spec.context_window, Absent) else spec.context_window
        supports = Supports(**spec.supports)
        self.serves = frozenset(operation for operation in Operation if getattr(supports, NEEDED[operation]))
        self.lacks = tuple(name for name in DECIDING if not getattr(supports, name))
        self.concerns = _concerns(provider.dialect, spec.traits.get(provider.name))
        self.known: Mapping[str, Any] = {
            "name": spec.name,
            "provider": provider.name,
            "model": spec.model,
            "region": provider.region,
            "clearance": provider.clearance,
            "failure_domains": provider.failure_domains,
            "tags": TotalMap({**provider.tags, **spec.tags}),
            "supports": supports,
            "context_window": spec.context_window,
            "max_output_tokens": spec.max_output_tokens,
            "price": spec.price,
        }
        if not spec.quality.tagged:
            self.known = {**self.known, "quality": spec.quality.otherwise}


def _concerns(dialect: str, traits: Traits | None) -> tuple[Concern, ...]:
    if traits is None or traits is BY_DIALECT[dialect]:
        return ()
    found = DIALECTS[dialect].concerns.items()
    return tuple({concern: None for name, concern in found if getattr(traits, name) != getattr(FREE, name)})


class Endpoints:
    """Every endpoint of a policy set, by target and by what a client may call it."""

    __slots__ = ("_places", "_wishes", "by_target", "first")

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.by_target: dict[str, tuple[Endpoint, ...]] = {
            name: tuple(Endpoint(spec, provider) for provider in spec.providers) for name, spec in targets.items()
        }
        self._places = {
            (name, place.provider.name): place for name, places in self.by_target.items() for place in places
        }
        self.first: dict[str, Endpoint] = {name: places[0] for name, places in self.by_target.items()}
        self._wishes: dict[str, list[Endpoint]] = {}
        for name, spec in targets.items():
            for word in {name, spec.model}:
                self._wishes.setdefault(word, []).extend(self.by_target[name])

    def at(self, target: str, provider: str) -> Endpoint | None:
        return self._places.get((target, provider))

    def reached(self, target: str, asked: Collection[tuple[str, Operation]]) -> bool:
        """Whether a request of one of these dialects and operations can be put to the target, at any provider.
        Conversations are translated."""
        served = {(place.dialect, operation) for place in self.by_target[target] for operation in place.serves}
        if any(operation is Operation.CHAT for _, operation in served):
            served |= {(dialect, Operation.CHAT) for dialect in DIALECTS}
        return any(each in served for each in asked)

    def wished(self, model: str) -> Sequence[Endpoint]:
        """Whatever serves what the client calls `model`: every target of that name or that asks its provider for that
        model, in the order of declaration. `auto`, and what nothing serves, is nobody."""
        return () if model == AUTO else self._wishes.get(model, ())
