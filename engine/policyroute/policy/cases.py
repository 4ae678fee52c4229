"""An embedded test as it is written: what is given and what is expected.

Rule of this module: shapes only; `author.trial` runs them.
"""

# ruff: noqa: RUF012  (pydantic copies defaults)
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from policyroute.dialects import DIALECTS
from policyroute.divergence import ReactionKind
from policyroute.events import FinishReason
from policyroute.policy.effects import Label
from policyroute.policy.given_targets import Count, GivenTarget
from policyroute.policy.spelling import Delay, Name, ProfileName, Strict, one_of
from policyroute.policy.vocabulary import ROLES
from policyroute.request import Operation

Strings = dict[str, str]


class GivenMessage(Strict):
    role: Annotated[str, one_of(ROLES)] = "user"
    text: str = ""
    tool_calls: list[dict[str, str]] = []
    has_image: bool = False


class GivenTool(Strict):
    name: str
    description: str = ""


class GivenRequest(Strict):
    """Facts of the request. What is left out is as in a short request that asks for the model `auto`; it is a chat in
    `openai_chat` unless `operation` and `dialect` say otherwise.

    `body` is a whole body in the client's dialect; the other keys replace what is read from it.
    """

    id: str | None = None
    time: Annotated[str, Field(description="RFC 3339")] | None = None
    method: str | None = None
    path: str | None = None
    query: Strings | None = None
    headers: Strings | None = None
    dialect: Annotated[str, one_of(DIALECTS)] | None = None
    operation: Annotated[str, one_of([each.value for each in Operation])] | None = None
    body: dict[str, Any] | None = None
    model: str | None = None
    profile: ProfileName | None = None
    stream: bool | None = None
    messages: list[GivenMessage] | None = None
    system: str | None = None
    last_user: str | None = None
    tools: list[GivenTool] | None = None
    tool_choice: str | None = None
    response_format: dict[str, Any] | None = None
    max_tokens: Count | None = None
    temperature: float | None = None
    params: dict[str, Any] | None = None
    modalities: list[str] | None = None
    metadata: Strings | None = None
    input_tokens: Count | None = None
    size: Count | None = None


class GivenClient(Strict):
    id: str | None = None
    tenant: str | None = None
    team: str | None = None
    tier: str | None = None
    tags: Strings | None = None
    role: Literal["user", "operator"] | None = None
    address: str | None = None
    profiles: list[ProfileName] | None = None
    models: list[str] | None = None


class GivenSession(Strict):
    """What is known of the conversation, and of its earlier requests. With `target` it is pinned there, and was moved
    `switches` times; `profile` is the one of its first request."""

    id: str | None = None
    turn: Annotated[int, Field(ge=1, description="which of its requests this is")] | None = None
    age: Delay | None = None
    target: Name | None = None
    switches: Count | None = None
    divergence: Count | None = None
    labels: list[Label] | None = None
    profile: ProfileName | None = None


class GivenGateway(Strict):
    in_flight: Count | None = None
    load: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    queue: Count | None = None


class GivenCall(Strict):
    name: str


class GivenResponse(Strict):
    """What the first candidate is to have answered. `refused` and `schema_valid` are what the rest of it says, unless
    they are given."""

    finish_reason: Annotated[str, one_of(FinishReason)] | None = None
    refused: bool | None = None
    schema_valid: bool | None = None
    text: str = ""
    tool_calls: list[GivenCall] = []


class GivenUsage(Strict):
    """Tokens; what is left out is none."""

    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_input_tokens: Count = 0
    cache_write_tokens: Count = 0
    reasoning_tokens: Count = 0


class GivenBudget(Strict):
    """What the request's share of it is to have spent."""

    spent_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Given(Strict):
    request: GivenRequest = GivenRequest()
    client: GivenClient = GivenClient()
    session: GivenSession = GivenSession()
    gateway: GivenGateway = GivenGateway()
    targets: dict[str, GivenTarget] = {}
    budgets: dict[str, GivenBudget] = {}
    response: GivenResponse | None = None
    usage: GivenUsage | None = None


class Denied(Strict):
    status: int | None = None
    code: str | None = None
    rule: str | None = None


class ExpectedLimits(Strict):
    connect: Delay | None = None
    ttft: Delay | None = None
    idle: Delay | None = None
    total: Delay | None = None


class ExpectedSession(Strict):
    pin: bool | None = None
    max_wait: Delay | None = None
    back: bool | None = Field(None, alias="return")
    ttl: Delay | None = None


class Expect(Strict):
    """What must be so. Keys that are left out are not looked at.

    `fired`, `not_fired`, `shadow` and `excluded` say what must be among them; `candidates` is the whole list in order.
    `denied: false` says that the request is let through, and the answer where one is given.
    """

    route_rule: str | None = None
    target: Annotated[Name, Field(description="the first candidate")] | None = None
    candidates: list[str] | None = None
    excluded: list[str] | None = None
    fired: list[str] | None = None
    not_fired: list[str] | None = None
    shadow: list[str] | None = None
    denied: bool | Denied | None = None
    limits: ExpectedLimits | None = None
    mid_stream: Literal["abort", "continue", "restart"] | None = None
    held: (
        Annotated[list[Literal["tools", "schema"]], Field(description="all that is held until it is whole")] | None
    ) = None
    expected_schema: Annotated[str, Field(description="the file that answers have to fit")] | None = None
    pinned: Annotated[bool | None, Field(description="whether it goes first where its conversation is pinned")] = None
    session: Annotated[ExpectedSession | None, Field(description="how the conversation is held")] = None
    react: Annotated[list[ReactionKind] | None, Field(description="what is done where it goes round in circles")] = None
    reaction: Annotated[Literal[ReactionKind, "none"] | None, Field(description="what is done about this request")] = (
        None
    )


class CaseSpec(Strict):
    """A request that might come, and what must be decided."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    given: Given = Given()
    expect: Expect
