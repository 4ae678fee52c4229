"""The effects of a rule as they are written: shapes, ranges and defaults, no names resolved.

Rule of this module: a key stands here only if something acts on it today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, create_model

from policyroute.dialects import DIALECTS
from policyroute.policy.fields import BODY_FIELDS
from policyroute.policy.names import spelled
from policyroute.policy.spelling import Cel, Computed, Delay, Duration, Name, Shape, Strict, is_map, one_of
from policyroute.redact.kinds import GROUPS, KINDS
from policyroute.scrub.outputs import Outputs

Text = Annotated[str, Field(min_length=1, max_length=100_000)]
HeaderName = Annotated[str, spelled(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "A-Z, a-z, 0-9 and !#$%&'*+.^_`|~-")]


def _literal_or_computed(value: Any) -> str:
    return "cel" if is_map(value) and list(value) == ["cel"] else "literal"


def value_of(literal: Any) -> Any:
    """The annotation of a value: a literal of this type, or `{cel: ...}`."""
    computed = Annotated[Computed, Tag("cel")]
    return Annotated[computed | Annotated[literal, Tag("literal")], Discriminator(_literal_or_computed)]


def _list_or_map(value: Any) -> str | None:
    return "list" if isinstance(value, list) else "map" if isinstance(value, dict) else None


HeaderValue = Annotated[
    Annotated[Computed, Tag("cel")] | Annotated[str, Field(max_length=4096), Tag("literal")],
    Discriminator(_literal_or_computed),
]

Code = Annotated[str, spelled(r"^[a-z][a-z0-9_]*$", "a-z, 0-9 and `_`, and begins with a letter", 64)]


class DenySpec(Strict):
    """Refuse the request."""

    status: Annotated[int, Field(ge=400, le=599)] = 403
    code: Code = "denied"
    message: Annotated[str, Field(min_length=1, max_length=1000)] = "Denied by policy"


class RouteMap(Strict):
    """Targets with `weights` or a `rank`."""

    targets: Annotated[list[str], Field(min_length=1, max_length=256)]
    weights: dict[str, Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]] | None = None
    rank: Cel | None = None


RouteSpec = Annotated[
    Annotated[list[str], Field(min_length=1, max_length=256), Tag("list")] | Annotated[RouteMap, Tag("map")],
    Discriminator(_list_or_map),
]

_FIELDS: dict[str, Any] = {
    name: (value_of(field.literal), Field(default=None, description=field.doc)) for name, field in BODY_FIELDS.items()
}
_FIELD_VALUES = create_model("FieldValues", __base__=Strict, **_FIELDS)
FieldValues = Annotated[Strict, Shape(_FIELD_VALUES)]
"""A model with a field for each of BODY_FIELDS, None where it is not written."""

FieldName = Annotated[str, one_of(BODY_FIELDS)]


class SystemSpec(Strict):
    """Text put before, after or in place of the system prompt."""

    prepend: Text | None = None
    append: Text | None = None
    replace: Annotated[str, Field(max_length=100_000)] | None = None


class RewriteSpec(Strict):
    """`find` is an RE2 pattern."""

    find: Annotated[str, Field(min_length=1, max_length=10_000)]
    replace: Annotated[str, Field(max_length=10_000)]


SafetyCategory = Literal["harassment", "hate", "sexual", "dangerous", "civic"]
SafetyThreshold = Literal["off", "none", "high", "medium", "low"]
"""How likely harm must be to be blocked: `high` blocks only what very likely is, `none` nothing; `off` does not
look."""


class TransformSpec(Strict):
    """Changes to the request, for every candidate that `where` holds for."""

    set: FieldValues | None = None
    default: FieldValues | None = None
    remove: Annotated[list[FieldName], Field(min_length=1)] | None = None
    system: SystemSpec | None = None
    rewrite: Annotated[list[RewriteSpec], Field(min_length=1, max_length=64)] | None = None
    safety: dict[SafetyCategory, SafetyThreshold] | None = None
    cache: bool | None = None
    service_tier: Annotated[
        Literal["flex", "priority"] | None,
        Field(description="where the model is known to have it, and the client names none"),
    ] = None
    raw: dict[Annotated[str, one_of(DIALECTS)], dict[str, Any]] | None = None
    where: Cel | None = None


class HeadersSpec(Strict):
    """Changes to headers, for every candidate that `where` holds for."""

    set: dict[HeaderName, HeaderValue] | None = None
    remove: Annotated[list[HeaderName], Field(min_length=1)] | None = None
    where: Cel | None = None


class AfterEdit(Strict):
    add: Annotated[list[str], Field(default_factory=list)]
    remove: Annotated[list[str], Field(default_factory=list)]


AfterSpec = Annotated[Annotated[list[str], Tag("list")] | Annotated[AfterEdit, Tag("map")], Discriminator(_list_or_map)]


class FallbackSpec(Strict):
    """When another attempt is made, and how many; and what is done for a candidate that cannot take the request as it
    is."""

    after: AfterSpec | None = None
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    max_swaps: Annotated[int, Field(ge=0, le=50)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    swap_delay: Delay | None = None
    on_unsupported: Literal["adapt", "route_away", "error"] | None = None
    on_overflow: Literal["larger_window", "trim", "error"] | None = None
    mid_stream: Annotated[
        Literal["abort", "continue", "restart"] | None, Field(description="what becomes of an answer that breaks off")
    ] = None


class LimitsSpec(Strict):
    """How long is waited: for the connection, the first token, the next one, the whole answer."""

    connect: Duration | None = None
    ttft: Duration | None = None
    idle: Duration | None = None
    total: Duration | None = None


class ExpectSpec(Strict):
    """What answers have to fit."""

    schema_file: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        alias="schema", description="a *.schema.json file of the policy directory"
    )


class HoldSpec(Strict):
    """What of a streamed answer is kept back until it is whole."""

    tools: Annotated[bool | None, Field(description="tool calls, and what follows the first of them")] = None
    schema_bound: bool | None = Field(None, alias="schema", description="answers that have to fit a schema")
    max_bytes: Annotated[int, Field(ge=1024, le=67_108_864, description="at most; more is sent as it comes")] | None = (
        None
    )


class ResumeSpec(Strict):
    """What an attempt is told of those before it."""

    enabled: Annotated[bool | None, Field(description="false: nothing, but to go on with an answer that broke off")] = (
        None
    )
    message: Annotated[Text | None, Field(description="where the work stands, with {task} and the like")] = None
    instruction: Annotated[Text | None, Field(description="to go on with an answer that broke off")] = None
    max_bytes: Annotated[int, Field(ge=512, le=1_048_576, description="of the message")] | None = None


DetectorName = Annotated[str, one_of([*KINDS, *GROUPS])]


class RedactSpec(Strict):
    """What is personal or secret is replaced, for every candidate that `where` holds for."""

    detect: Annotated[list[DetectorName] | None, Field(min_length=1, max_length=64)] = None
    patterns: Annotated[
        dict[Code, Annotated[str, Field(min_length=1, max_length=1000)]] | None,
        Field(min_length=1, max_length=64, description="RE2 patterns of one's own, by what they find"),
    ] = None
    known: Annotated[bool | None, Field(description="values that the app knows of the client")] = None
    mode: Literal["mask", "hash", "remove", "block", "pseudonym"] | None = None
    restore: Annotated[bool | None, Field(description="put the values back into the answer")] = None
    in_urls: Annotated[bool | None, Field(description="inside addresses too")] = None
    where: Cel | None = None


Label = Literal["public", "internal", "confidential", "secret"]


class CrossingSpec(Strict):
    """What goes along to a provider that does not hold the conversation yet."""

    max_label: Annotated[Label, Field(description="of text that is not required")] = "internal"


class ScrubUseSpec(Strict):
    """Text that is labelled stays behind where it may not go, for every candidate that `where` holds for."""

    use: Annotated[Name, Field(description="a profile of the section `scrub`, or `default`")] = "default"
    crossing: CrossingSpec = CrossingSpec()
    confession: Annotated[
        Literal["log", "block"], Field(description="what is done where an answer says labelled text")
    ] = "log"
    outputs: Annotated[Outputs, Field(description="how what models said before is labelled")] = "scan"
    where: Cel | None = None


EFFECTS: Mapping[str, str] = {
    "deny": "refuses the request",
    "require": "a condition every candidate must meet",
    "quality_floor": "the least quality a candidate may have",
    "route": "the candidates, in order",
    "rank": "the order of the default route",
    "transform": "changes the request",
    "request_headers": "changes headers to the provider",
    "response_headers": "changes headers to the client",
    "fallback": "when and how often another attempt is made",
    "limits": "how long is waited",
    "expect": "the schema that answers have to fit",
    "hold": "what is kept back until it is whole",
    "resume": "what an attempt is told of those before it",
    "session": "how a conversation is held",
    "divergence": "what is done where it goes round in circles",
    "redact": "replaces what is personal or secret",
    "scrub": "leaves behind what is labelled",
    "budget": "limits what is spent",
}
"""Every effect, and what it does. A rule has at least one."""

CLOSED: Final = ("deny", "require", "quality_floor", "redact", "scrub", "budget")
"""The effects that a condition which cannot be evaluated applies; it skips the others."""

OF_ANSWERS: Final = ("deny", "response_headers")
"""The effects that a rule with `phase: response` may have, if it does not have `redact`: that one stands alone."""

OPEN: Final = tuple(effect for effect in EFFECTS if effect not in CLOSED)
