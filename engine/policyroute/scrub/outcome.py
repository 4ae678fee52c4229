"""What became of a prompt at a boundary, as values.

Rule of this module: what is said of it to others (refusals, sizes, the JSON of cuts) has no text; what has shows none
in a `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from policyroute.clearance import Clearance
from policyroute.request.prompt import Prompt
from policyroute.scrub.traces import Trace

Cause = Literal["required", "forbidden", "gutted", "assertion", "tags", "stuck", "exhausted"]

Done = Literal["dropped", "replaced", "pseudonymised", "fallback", "public"]

_WORDS: Final[Mapping[Cause, str]] = {
    "required": "what is required may not go",
    "forbidden": "a selector refuses to send it",
    "gutted": "nothing would be left of what is said",
    "assertion": "an assertion does not hold",
    "tags": "tags cannot be read",
    "stuck": "what may not go cannot be taken out",
    "exhausted": "the labels could not be read in time",
}

_OPEN: Final = ("arguments", "extra", "metadata", "parameters", "raw", "schema")


def shown(place: str) -> str:
    """A place in a prompt for others to see: as far as it is in our own terms, since the names of fields inside of JSON
    may be anybody's words."""
    names = place.split(".")
    inside = next((at for at, name in enumerate(names) if name.partition("[")[0] in _OPEN), len(names))
    return ".".join(names[:inside] + [name.partition("[")[0] for name in names[inside : inside + 1]])


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing may be sent to this receiver. `name` is the selector's id, or the assertion (`must_keep`), `place` where
    in the prompt (`turns[0].parts[0].text`, and for a tag `:` and the character).

    `required`: what is needed may not go. `forbidden`: a selector refuses. `gutted`: nothing would be left of what the
    system or the user says. `assertion`. `tags`: they cannot be read. `stuck`: what may not go cannot be taken out.
    `exhausted`: looking took too long.
    """

    cause: Cause
    name: str = ""
    place: str = ""
    detail: str = ""

    @property
    def authors(self) -> bool:
        """Whether no other receiver would make a difference: the application has to change what it sends."""
        return self.cause in ("tags", "exhausted")

    def __str__(self) -> str:
        said = [_WORDS[self.cause], *filter(None, (self.name, self.detail))]
        return ": ".join(said) + (f" (at {shown(self.place)})" if self.place else "")


@dataclass(frozen=True, slots=True)
class Cut:
    """What a selector took out of a segment: `text`. `bytes_in` of UTF-8 before, `bytes_out` of what stands there
    now."""

    path: str
    role: str
    kind: str
    label: Clearance
    selector: str
    action: Done
    bytes_in: int
    bytes_out: int
    text: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.path,
            "role": self.role,
            "kind": self.kind,
            "label": self.label.label,
            "rule": self.selector,
            "action": self.action,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of UTF-8, by role and by label."""

    by_role: Mapping[str, int] = field(default_factory=dict[str, int])
    by_label: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def unread(cls, size: int) -> Self:
        """Of so many bytes that have no prompt in them: as secret as what nobody labels."""
        return cls({"request": size}, {Clearance.INTERNAL.label: size})

    @property
    def total(self) -> int:
        return sum(self.by_role.values())

    def as_json(self) -> dict[str, Any]:
        return {"bytes": self.total, "by_role": dict(self.by_role), "by_label": dict(self.by_label)}


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """`prompt` is the very one that was given where nothing was changed. `traces`: what has a label above `internal`,
    to look for it in what models say. `withheld`: what this receiver does not get, to look for it in the bytes that
    are sent. `spoken`: what the author wrote and this receiver does get, which is no sign of anything withheld.
    `checked`: the assertions that were looked into, and hold."""

    prompt: Prompt = field(repr=False)
    cuts: tuple[Cut, ...] = ()
    before: Sizes = Sizes()
    after: Sizes = Sizes()
    traces: tuple[Trace, ...] = field(default=(), repr=False)
    withheld: tuple[Trace, ...] = field(default=(), repr=False)
    spoken: tuple[str, ...] = field(default=(), repr=False)
    checked: tuple[str, ...] = ()
