"""What an author says of texts: how secret they are, whether the conversation needs them, and what is done with those
that may not go.

Rule of this module: values, and what belongs together is said once. Within a profile the first selector that says
something of a text wins; of several profiles the strictest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from policyroute.clearance import Clearance
from policyroute.scrub.segment import Segment

Action = Literal["drop", "replace", "pseudonymise", "refuse"]

Ranges = Callable[[str], list[tuple[int, int]]]
"""Where in a text something is: characters, in order, none overlapping another. Raises Exhausted."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Of all that is said here all must hold. `tag`, `heading` and `pattern` select stretches of a text, the others
    whole texts.

    `label` None says nothing of how secret a text is; `required` None: what is labelled is not required, all else is.
    `heading` judges a heading's words. A `when` that raises holds. `text` stands where `action` is `replace`.
    """

    id: str
    label: Clearance | None = None
    required: bool | None = None
    action: Action = "drop"
    text: str = ""
    tag: str = ""
    heading: Callable[[str], bool] | None = None
    pattern: Ranges | None = None
    role: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    name: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    when: Callable[[Segment], bool] | None = None

    @property
    def authored(self) -> bool:
        """Whether it counts only in what the author of the application wrote."""
        return bool(self.tag) or self.heading is not None

    def takes(self, segment: Segment) -> bool:
        """Whether it may say something of this text."""
        if self.authored and not segment.trusted:
            return False
        if self.role and segment.role not in self.role:
            return False
        if self.kind and segment.kind not in self.kind:
            return False
        if self.name and segment.name not in self.name:
            return False
        if self.metadata and not self._described(segment.metadata):
            return False
        return self.when is None or self._holds(segment)

    def _described(self, said: Mapping[str, Any]) -> bool:
        return all(said.get(name) == value for name, value in self.metadata.items())

    def _holds(self, segment: Segment) -> bool:
        assert self.when is not None
        try:
            return self.when(segment)
        except Exception:  # noqa: BLE001 - the author's condition: what cannot be judged is held for secret
            return True


@dataclass(frozen=True, slots=True)
class Assertions:
    """What has to be true of what is sent. `must_keep`: each a selector's id or a text; whatever it names is sent as it
    was. `must_drop`: none of it crosses a boundary. `min_kept_ratio`: by role, bytes sent of bytes said, 0..1.
    `max_forward_bytes`: of all texts together."""

    must_keep: tuple[str, ...] = ()
    must_drop: tuple[str, ...] = ()
    min_kept_ratio: Mapping[str, float] = field(default_factory=dict[str, float])
    max_forward_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """`defaults`: labels by kind or role, for what no selector labels; what they label stays required.
    `system_fallback` is said where the system text may not go as it is, `description_public`, by the tool's name, where
    its description may not. `canaries` stand in what is secret: they cross no boundary, and whoever says one has told
    of it."""

    name: str
    selectors: tuple[Selector, ...] = ()
    defaults: Mapping[str, Clearance] = field(default_factory=dict[str, Clearance])
    system_fallback: str = ""
    description_public: Mapping[str, str] = field(default_factory=dict[str, str])
    assertions: Assertions = Assertions()
    canaries: tuple[str, ...] = field(default=(), repr=False)

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(selector.tag for selector in self.selectors if selector.tag)


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is to receive a prompt. `crossing`: it is new to the conversation, so that what is labelled higher than
    `max_label` stays behind unless it is required, whatever the clearance."""

    clearance: Clearance
    crossing: bool
    max_label: Clearance = Clearance.INTERNAL

    def lets(self, label: Clearance, *, required: bool) -> bool:
        return label <= self.clearance and (not self.crossing or required or label <= self.max_label)


def tagged(names: Mapping[str, str]) -> tuple[Selector, ...]:
    """Selectors by tags: what a tag is called to what it says, `required` or a label. The strictest come first."""
    labels = [(Clearance.named(says), tag) for tag, says in names.items() if says != "required"]
    labels.sort(key=lambda pair: (-pair[0], pair[1]))
    needed = [Selector(f"tag:{tag}", required=True, tag=tag) for tag, says in names.items() if says == "required"]
    return (*needed, *[Selector(f"tag:{tag}", label, tag=tag) for label, tag in labels])


TAGS: Final[Mapping[str, str]] = {
    "required": "required",
    "secret": "secret",
    "confidential": "confidential",
    "internal": "internal",
    "public": "public",
}

DEFAULT: Final = Profile("default", tagged(TAGS))
"""What ships: labels by tags and nothing else."""
