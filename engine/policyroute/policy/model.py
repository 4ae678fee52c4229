"""A compiled policy set, as values: what the rules of a directory mean once every name and expression is resolved.

Made by `policyroute.policy.compile`, read by `decide`, `exchange` and `author`. Frozen; shared by all requests.
Rule of this module: no behaviour. Who combines effects, and how, is `decide`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from policyroute.absent import Absent
from policyroute.catalogue import Traits
from policyroute.cel import Expression
from policyroute.clearance import Clearance
from policyroute.failures import FailureKind
from policyroute.policy.accounts import KeyRef, SecretRef
from policyroute.policy.cases import CaseSpec
from policyroute.policy.effects import CLOSED
from policyroute.policy.openings import Refusals
from policyroute.problems import Problem, Span
from policyroute.request import SHIPPED, Client, Profiles


class Mode(StrEnum):
    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


DIRECT: Final = "none"
"""The `proxy` that stands for no proxy, whatever the environment says."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files (PEM) that connections are secured with, as paths: the authorities to trust instead of the system's, and
    the client's certificate with its key."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """An account at an endpoint. `base_url` has no trailing slash.

    `api_keys` are all keys of one pool, none where the provider needs none or where `client_key` says that it gets the
    caller's own. `proxy` is a URL, `DIRECT`, or None for what the environment says. `vendor` is whose account it is,
    empty where nobody knows. `auth` is how a key is shown (`AUTH_STYLES`), empty for the dialect's way.
    """

    name: str
    dialect: str
    base_url: str
    api_keys: tuple[KeyRef, ...]
    region: str
    clearance: Clearance
    failure_domains: tuple[str, ...]
    tags: Mapping[str, str]
    span: Span
    client_key: bool = False
    proxy: str | None = None
    proxy_auth: SecretRef | None = None
    tls: Tls = Tls()
    vendor: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, ABSENT where nobody says. `above`: a number of input tokens, and the price of requests
    that have more. `tiers` are the prices of service tiers by their names."""

    input: float | Absent
    cached_input: float | Absent
    cache_write: float | Absent
    output: float | Absent
    above: tuple[int, Price] | None = None
    tiers: Mapping[str, Price] = field(default_factory=dict[str, "Price"])

    def at(self, tokens: int) -> Price:
        """Of a request with that many input tokens."""
        return self.above[1] if self.above is not None and tokens > self.above[0] else self


@dataclass(frozen=True, slots=True)
class Target:
    """A model that rules can name, at one provider or several (tried in this order).

    `supports` says of every capability whether it has it wherever it is tried; `traits` what it takes at each provider,
    by the provider's name. `concurrency`: attempts that may be open at once over all of them, None for any number.
    `origins`: who says its window, output limit, price and capabilities, by their keys, where they are known.
    """

    name: str
    model: str
    providers: tuple[Provider, ...]
    quality: float | Absent
    context_window: int | Absent
    max_output_tokens: int | Absent
    price: Price
    supports: Mapping[str, bool]
    tags: Mapping[str, str]
    span: Span
    concurrency: int | None = None
    traits: Mapping[str, Traits] = field(default_factory=dict[str, Traits])
    origins: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How much a client may ask for: requests and tokens a minute, requests at once. None is no limit."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class KnownClient:
    """Who may call. `keys` are the sha256 (hex) of the keys it may do so with."""

    facts: Client
    keys: tuple[str, ...] = field(repr=False)
    rate_limit: RateLimit | None
    span: Span


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


REQUESTED: Final = "requested"
"""The route item that stands for whatever serves the client's `model`."""


@dataclass(frozen=True, slots=True)
class Route:
    """`items` are target names or `requested`, each once. At most one of `weights` and `rank` is set.
    `rank` is `cost`, `latency`, or an expression over `target`: the smallest value comes first.
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
    vendors that cache only what is marked.
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

    `on_unsupported` is `adapt`, `route_away` or `error`; `on_overflow` `larger_window`, `trim` or `error`.
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


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; None where the rule does not set it."""

    connect: float | None = None
    ttft: float | None = None
    idle: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One `when:` and what it does. `id` is unique in the set; a pack's rule is `pack/rule`.

    `when`: None where it always matches; `position`: in the total order; `of_answers`: asked when an answer is there.
    """

    id: str
    position: int
    span: Span
    mode: Mode = Mode.ENFORCE
    of_answers: bool = False
    when: Expression | None = None
    deny: Deny | None = None
    require: Expression | None = None
    quality_floor: float | None = None
    route: Route | None = None
    transform: Transform | None = None
    request_headers: Headers | None = None
    response_headers: Headers | None = None
    fallback: Fallback | None = None
    limits: Limits | None = None

    @property
    def fails_closed(self) -> bool:
        """An erring `when` applies the rule rather than skipping it."""
        return any(getattr(self, effect) is not None for effect in CLOSED)


@dataclass(frozen=True, slots=True)
class Default:
    """What happens where no rule says: the mandatory route, and the last word on fallback and limits."""

    route: Route
    fallback: Fallback | None
    limits: Limits | None
    span: Span


@dataclass(frozen=True, slots=True)
class Case:
    """An embedded test, not yet run."""

    spec: CaseSpec
    span: Span


@dataclass(frozen=True, slots=True)
class Program:
    """Everything a policy directory says.

    `revision` is the sha256 (hex) of the directory's text and of the shipped packs it uses. `variables` are read by
    conditions as `variables.NAME`, evaluated at most once a request. `client_key_origins` is where callers' own keys
    may go: scheme, host and port of every provider that takes them. `warnings` never keep a set from being used.
    `clients` are empty where the policy does not say who may call.
    """

    revision: str
    providers: Mapping[str, Provider]
    targets: Mapping[str, Target]
    variables: Mapping[str, Expression]
    rules: tuple[Rule, ...]
    default: Default
    cases: tuple[Case, ...]
    client_key_origins: frozenset[str] = frozenset()
    warnings: tuple[Problem, ...] = ()
    clients: Mapping[str, KnownClient] = field(default_factory=dict[str, KnownClient])
    profiles: Profiles = SHIPPED
    refusals: Refusals | None = None
