"""What a rule does, resolved: the values of its effects.

Rule of this module: no behaviour. Who combines effects, and how, is `decide`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.cel import Expression
from policyroute.clearance import Clearance
from policyroute.failures import FailureKind
from policyroute.ledger import Window
from policyroute.redact.modes import Mode
from policyroute.scrub.outputs import Outputs
from policyroute.scrub.profile import Profile

REQUESTED: Final = "requested"
"""The route item that stands for whatever serves the client's `model`."""


@dataclass(frozen=True, slots=True)
class Deny:
    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Value:
    """Something written in a policy: a literal, or an expression (`{cel: ...}`) when `expression` is set."""

    literal: Any = None
    expression: Expression | None = None


RANKS = ("cost", "latency", "integrity")
"""What a rank may be by name."""


@dataclass(frozen=True, slots=True)
class Route:
    """`items` are target names or `requested`, each once. At most one of `weights` and `rank` is set.
    `rank` is one of `RANKS`, or an expression over `target`: the smallest value comes first.
    """

    items: tuple[str, ...]
    weights: Mapping[str, float] | None = None
    rank: str | Expression | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Replace what `find` (RE2, checked at load) matches in text sent to the model. `replace` may use `\\1`."""

    find: str
    replace: str


@dataclass(frozen=True, slots=True)
class Transform:
    """Changes to the request before it is written for a candidate. `where` sees `target`.

    `safety` are thresholds by category, for vendors that can be told; `cache`: mark the prompt's steady parts for
    vendors that cache only what is marked; `service_tier`: for models that are known to have it, where the client names
    none.
    """

    set: Mapping[str, Value] = field(default_factory=dict[str, Value])
    default: Mapping[str, Value] = field(default_factory=dict[str, Value])
    remove: tuple[str, ...] = ()
    system_prepend: str | None = None
    system_append: str | None = None
    system_replace: str | None = None
    rewrite: tuple[Rewrite, ...] = ()
    safety: Mapping[str, str] = field(default_factory=dict[str, str])
    cache: bool = False
    service_tier: str = ""
    raw: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Headers:
    """Header changes, names lower-cased. `where` sees `target`."""

    set: Mapping[str, Value] = field(default_factory=dict[str, Value])
    remove: tuple[str, ...] = ()
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Each key is None where the rule does not set it. `swap_delay` is seconds.

    `on_unsupported` is `adapt`, `route_away` or `error`; `on_overflow` `larger_window`, `trim` or `error`; `mid_stream`
    `abort`, `continue` or `restart`.
    """

    after: frozenset[FailureKind] | None = None
    after_add: frozenset[FailureKind] = frozenset()
    after_remove: frozenset[FailureKind] = frozenset()
    retries: int | None = None
    max_swaps: int | None = None
    max_attempts: int | None = None
    swap_delay: float | None = None
    on_unsupported: str | None = None
    on_overflow: str | None = None
    mid_stream: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; None where the rule does not set it."""

    connect: float | None = None
    ttft: float | None = None
    idle: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A schema that answers have to fit, whatever the client asked for, and the file it stands in."""

    file: str
    schema: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """What of a streamed answer is kept back until it is whole: tool calls, and answers bound to a schema; at most so
    many bytes. None where the rule does not set it."""

    tools: bool | None = None
    schema: bool | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """How an attempt is told of what others did before it: `message` is a template, `instruction` asks to go on with an
    answer that broke off. None where the rule does not set it."""

    enabled: bool | None = None
    message: str | None = None
    instruction: str | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Conversing:
    """`session`: what `sessions.Settings` say, None where the rule does not set it. `key`: which conversation a request
    belongs to."""

    key: Expression | None = None
    pin: bool | None = None
    max_wait: float | None = None
    back: bool | None = None
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Diverging:
    """`divergence`: what `divergence.Watch` says, None where the rule does not set it."""

    react: tuple[str, ...] | None = None
    repeats: int | None = None
    polling: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """So much may be spent in each window, by each that `per` names (None: all of a tenant together). `warn`: the share
    of it at which the log says so. `denies`: what is asked after that is refused."""

    name: str
    limit_usd: float
    window: Window
    per: Expression | None
    warn: float
    denies: bool


@dataclass(frozen=True, slots=True)
class Redact:
    """What a detector finds is replaced: in requests before they are sent, or in answers.

    `detect` are names of `redact.kinds` (kinds and groups), `patterns` RE2 by the name of what they find; both may be
    empty where only `known` values, the app's own of a client, are looked for. `restore`: pseudonyms become values
    again in the answer, and `in_urls` in addresses too. `where` sees `target`; one that errs holds.
    """

    detect: tuple[str, ...]
    patterns: Mapping[str, str]
    mode: Mode
    known: bool
    restore: bool
    in_urls: bool
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Scrub:
    """What a prompt's labels keep from a provider stays behind.

    `max_label`: of text that is not required, the most secret that crosses a boundary. `confession`, `log` or `block`:
    what is done where an answer says labelled text. `outputs`, `scan`, `inherit` or `public`: how what models said
    before is labelled. `where` sees `target`; one that errs holds.
    """

    profile: Profile
    max_label: Clearance
    confession: str
    outputs: Outputs
    where: Expression | None = None
