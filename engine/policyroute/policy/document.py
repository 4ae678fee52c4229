"""A policy file as it is written: the sections and their shapes.

Rule of this module: shapes only. What a name refers to, and whether files agree, is found out in `policy.compile`.
"""

# ruff: noqa: RUF012  (pydantic copies defaults)
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from policyroute.catalogue import AUTH_STYLES, VENDORS
from policyroute.catalogue.traits import CallIds, MaxTokensName, OffName, Reasoning, SchemaSubset, SeedName
from policyroute.policy.audits import AuditSpec
from policyroute.policy.budgeting import BudgetSpec
from policyroute.policy.capabilities import CAPABILITIES
from policyroute.policy.cases import CaseSpec
from policyroute.policy.conversing import DivergenceSpec, SessionSpec
from policyroute.policy.effects import (
    DenySpec,
    ExpectSpec,
    FallbackSpec,
    HeadersSpec,
    HoldSpec,
    LimitsSpec,
    RedactSpec,
    ResumeSpec,
    RouteSpec,
    ScrubUseSpec,
    TransformSpec,
)
from policyroute.policy.qualities import FloorSpec, QualitySpec
from policyroute.policy.scrubs import ScrubSpec
from policyroute.policy.spelling import (
    ApiKey,
    Cel,
    Digests,
    FilePath,
    Identifier,
    KeyReference,
    Name,
    ProfileName,
    RuleId,
    SecretReference,
    Strict,
    Tags,
    one_of,
)
from policyroute.request.efforts import Effort

Tokens = Annotated[int, Field(ge=1, le=1_000_000_000)]
Usd = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class TlsSpec(Strict):
    """PEM files that connections to a provider are secured with."""

    ca: Annotated[FilePath, Field(description="authorities to trust instead of the system's")] | None = None
    cert: Annotated[FilePath, Field(description="the client's certificate, with its chain")] | None = None
    key: Annotated[FilePath, Field(description="its key, where that is not in the same file")] | None = None


class ProviderSpec(Strict):
    """An account at an endpoint."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["vendor"]}, {"required": ["dialect", "base_url"]}]}
    )

    vendor: (
        Annotated[str, one_of(VENDORS), Field(description="dialect and base_url, where they are not written")] | None
    ) = None
    dialect: str | None = None
    base_url: str | None = None
    api_key: ApiKey | None = None
    api_keys: Annotated[list[KeyReference], Field(min_length=1, max_length=64)] | None = None
    auth: Annotated[str, one_of(AUTH_STYLES), Field(description="how a key is shown")] | None = None
    proxy: Annotated[str, Field(description="http://host:port, or none for no proxy")] | None = None
    proxy_auth: Annotated[SecretReference, Field(description="user:password for the proxy")] | None = None
    tls: TlsSpec = TlsSpec()
    region: Annotated[str, Field(max_length=64)] = ""
    clearance: Literal["public", "internal", "confidential"] = "internal"
    failure_domains: list[Name] | None = None
    tags: Tags = {}
    insecure: Annotated[bool, Field(description="allow plain http to another host")] = False


class RatesSpec(Strict):
    """USD per million tokens."""

    input: Usd | None = None
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    output: Usd | None = None


class LongPriceSpec(RatesSpec):
    """What all tokens of a long request cost; what is left out costs the same as in a short one."""

    tokens: Annotated[Tokens, Field(description="for requests with more input tokens than this")]


class PriceSpec(RatesSpec):
    """USD per million tokens."""

    above: LongPriceSpec | None = None


class TakesSpec(Strict):
    """What a model takes beside its capabilities; what is left out is its dialect's, vendor's and family's."""

    temperature_max: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    stop_max: Annotated[int, Field(ge=0, le=1_000_000, description="stop sequences; 0 for none")] | None = None
    call_id: CallIds | None = None
    tool_name_max: Annotated[int, Field(ge=1, le=1024, description="characters")] | None = None
    schema_subset: SchemaSubset | None = Field(None, alias="schema", description="the part of JSON Schema it takes")
    reasoning: Annotated[Reasoning, Field(description="the knob for thinking")] | None = None
    efforts: Annotated[list[Effort], Field(max_length=7, description="those it takes")] | None = None
    max_tokens_name: MaxTokensName | None = None
    seed_name: SeedName | None = None
    off_name: OffName | None = None
    service_tier: Annotated[list[Name], Field(max_length=16, description="names that are taken")] | None = None
    adaptive: Annotated[bool, Field(description="whether to think at all may be left to the model")] | None = None
    developer: Annotated[bool, Field(description="`developer` is a role there")] | None = None
    user_last: Annotated[bool, Field(description="the user must have the last word")] | None = None
    alternate: Annotated[bool, Field(description="roles must alternate")] | None = None
    reasoning_echo: Annotated[bool, Field(description="thoughts must come back with their calls")] | None = None
    signed_thoughts: Annotated[bool, Field(description="thoughts go back signed, or not at all")] | None = None


class TargetSpec(Strict):
    """A model that rules can name, at one provider or several."""

    provider: str | None = None
    providers: Annotated[list[str], Field(min_length=1)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=256)]
    quality: QualitySpec | None = None
    context_window: Tokens | None = None
    max_output_tokens: Tokens | None = None
    price: PriceSpec = PriceSpec()
    supports: dict[Annotated[str, one_of(CAPABILITIES)], bool] = {}
    takes: TakesSpec | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000, description="attempts open at once")] | None = None
    tags: Tags = {}


Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Word = Annotated[str, Field(max_length=128)]
Glob = Annotated[str, Field(min_length=1, max_length=256)]


class RateLimitSpec(Strict):
    """How much a client may ask for; what is left out is not limited."""

    rpm: Annotated[Count, Field(description="requests a minute")] | None = None
    tpm: Annotated[Count, Field(description="tokens a minute")] | None = None
    concurrency: Annotated[Count, Field(description="requests at once")] | None = None


class ClientSpec(Strict):
    """Who may call the gateway, and with what."""

    key_sha256: Digests = []
    tenant: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    team: Word = ""
    tier: Word = ""
    tags: Tags = {}
    profiles: Annotated[list[ProfileName], Field(min_length=1, max_length=64)] | None = None
    models: Annotated[list[Glob], Field(min_length=1, max_length=256)] | None = None
    rate_limit: RateLimitSpec | None = None
    role: Literal["user", "operator"] = "user"


class ProfilesSpec(Strict):
    """The profiles that callers may name in X-Router-Profile."""

    known: Annotated[list[ProfileName], Field(min_length=1, max_length=64)] | None = None
    default: ProfileName | None = None
    shed: (
        Annotated[
            list[ProfileName], Field(max_length=64, description="whose requests are refused first, in this order")
        ]
        | None
    ) = None


class PatternSpec(Strict):
    """`{re: ...}` where a phrase may stand: an RE2 pattern."""

    re: Annotated[str, Field(min_length=1, max_length=200, description="RE2, in any case")]


Phrase = Annotated[
    Annotated[str, Field(min_length=1, max_length=200), Tag("text")] | Annotated[PatternSpec, Tag("map")],
    Discriminator(lambda value: "map" if isinstance(value, dict | PatternSpec) else "text"),
]


class RefusalsSpec(Strict):
    """How answers begin that are refusals, though their provider does not say so."""

    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=100)]


class RuleSpec(Strict):
    """One condition and what it does."""

    id: RuleId
    when: Cel | None = None
    phase: Annotated[Literal["request", "response"], Field(description="response: asked when the answer is there")] = (
        "request"
    )
    mode: Literal["enforce", "shadow", "off"] = "enforce"
    deny: DenySpec | None = None
    require: Cel | None = None
    quality_floor: FloorSpec | None = None
    route: RouteSpec | None = None
    rank: Annotated[
        Cel | None, Field(description="cost, latency, integrity, or CEL over target: the smallest comes first")
    ] = None
    transform: TransformSpec | None = None
    request_headers: HeadersSpec | None = None
    response_headers: HeadersSpec | None = None
    fallback: FallbackSpec | None = None
    limits: LimitsSpec | None = None
    expect: ExpectSpec | None = None
    hold: HoldSpec | None = None
    resume: ResumeSpec | None = None
    session: SessionSpec | None = None
    divergence: DivergenceSpec | None = None
    redact: RedactSpec | None = None
    scrub: ScrubUseSpec | None = None
    budget: BudgetSpec | None = None


class DefaultSpec(Strict):
    """What happens where no rule says."""

    route: RouteSpec
    fallback: FallbackSpec | None = None
    limits: LimitsSpec | None = None
    hold: HoldSpec | None = None
    resume: ResumeSpec | None = None
    session: SessionSpec | None = None
    divergence: DivergenceSpec | None = None


class Document(Strict):
    """A policy file of Policyroute."""

    version: Literal[1]
    use: Annotated[list[str], Field(description="shipped packs")] = []
    disable: Annotated[list[str], Field(description="rules of packs to leave out: pack/rule")] = []
    providers: dict[Name, ProviderSpec] = {}
    targets: dict[Name, TargetSpec] = {}
    clients: dict[Name, ClientSpec] = {}
    profiles: ProfilesSpec | None = None
    refusals: RefusalsSpec | None = None
    scrub: Annotated[dict[Name, ScrubSpec], Field(description="profiles that rules can use")] = {}
    audit: AuditSpec | None = None
    constants: Annotated[dict[Identifier, Any], Field(description="values, read as constants.NAME")] = {}
    variables: Annotated[dict[Identifier, Cel], Field(description="expressions, read as variables.NAME")] = {}
    rules: list[RuleSpec] = []
    default: DefaultSpec | None = None
    tests: list[CaseSpec] = []
