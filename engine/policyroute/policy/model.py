"""A compiled policy set, as values: what the rules of a directory mean once every name and expression is resolved.

Made by `policyroute.policy.compile`, read by `decide`, `exchange` and `author`. Frozen; shared by all requests.
Rule of this module: no behaviour. Who combines effects, and how, is `decide`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from policyroute.absent import Absent
from policyroute.catalogue import Traits
from policyroute.cel import Expression
from policyroute.clearance import Clearance
from policyroute.policy.accounts import KeyRef, SecretRef
from policyroute.policy.actions import (
    Budget,
    Conversing,
    Deny,
    Diverging,
    Expected,
    Fallback,
    Headers,
    Hold,
    Limits,
    Redact,
    Resume,
    Route,
    Scrub,
    Transform,
)
from policyroute.policy.audits import Audit
from policyroute.policy.cases import CaseSpec
from policyroute.policy.effects import CLOSED
from policyroute.policy.openings import Refusals
from policyroute.policy.qualities import ByTask, Floor
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

    def served(self, tokens: int, tier: str) -> Price:
        """Of a request with that many input tokens, at a service tier: where that has no price, at any other's."""
        return self.tiers.get(tier) or self.at(tokens)


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
    quality: ByTask
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
class Rule:
    """One `when:` and what it does. `id` is unique in the set; a pack's rule is `pack/rule`.

    `when`: None where it always matches; `position`: in the total order; `of_answers`: asked when an answer is there;
    `censors`: its `redact` is of the answer, though it is asked with the request; `rank`: of the default route's
    candidates, as `Route.rank`.
    """

    id: str
    position: int
    span: Span
    mode: Mode = Mode.ENFORCE
    of_answers: bool = False
    censors: bool = False
    when: Expression | None = None
    deny: Deny | None = None
    require: Expression | None = None
    quality_floor: Floor | None = None
    route: Route | None = None
    rank: str | Expression | None = None
    transform: Transform | None = None
    request_headers: Headers | None = None
    response_headers: Headers | None = None
    fallback: Fallback | None = None
    limits: Limits | None = None
    expect: Expected | None = None
    hold: Hold | None = None
    resume: Resume | None = None
    session: Conversing | None = None
    divergence: Diverging | None = None
    redact: Redact | None = None
    scrub: Scrub | None = None
    budget: Budget | None = None

    @property
    def fails_closed(self) -> bool:
        """An erring `when` applies the rule rather than skipping it."""
        return any(getattr(self, effect) is not None for effect in CLOSED)


@dataclass(frozen=True, slots=True)
class Default:
    """What happens where no rule says: the mandatory route, and the last word on what is merged key by key."""

    route: Route
    fallback: Fallback | None
    limits: Limits | None
    span: Span
    hold: Hold | None = None
    resume: Resume | None = None
    session: Conversing | None = None
    divergence: Diverging | None = None


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
    `clients` are empty where the policy does not say who may call. `reads` are the fields that its expressions read.
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
    audit: Audit | None = None
    reads: frozenset[str] = frozenset()

    @property
    def budgets(self) -> tuple[str, ...]:
        """The names of those that rules define."""
        return tuple(rule.budget.name for rule in self.rules if rule.budget is not None)
