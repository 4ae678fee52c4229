"""What CEL sees: every root and field, with type, phase, cost and meaning, in one table.

Rule of this module: the only list: the checker compiles against it, docs/cel.md is generated (`policy.reference`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from policyroute.cel.types import (
    BOOL,
    CLEARANCE,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Cost,
    Field,
    Phase,
    Type,
    enum_of,
    list_of,
    map_by_name,
    map_of,
    record,
    total_map,
)
from policyroute.dialects import DIALECTS
from policyroute.events import FinishReason
from policyroute.policy.target_vocabulary import target_record
from policyroute.redact.kinds import GROUPS
from policyroute.request import PROFILES, Operation

ROLES = ("system", "user", "assistant", "tool")
"""Who speaks. A dialect's other names are read as these: `developer` is `system`, `function` is `tool`."""

FLAT = frozenset({"request", "client", "session", "gateway", "content", "variables"})
"""The roots whose fields are attributes of the facts object itself: `request.model` is `facts.request_model`."""


TOOL_CALL = record(
    "tool_call",
    {
        "id": Field(STRING, "the call's id"),
        "name": Field(STRING, "the tool called"),
        "arguments": Field(STRING, "its arguments, JSON text"),
    },
)

MESSAGE = record(
    "message",
    {
        "role": Field(enum_of(*ROLES), "who speaks: " + ", ".join(f"`{role}`" for role in ROLES)),
        "text": Field(STRING, "all its text parts, joined by newlines", cost=Cost.TEXT),
        "tool_calls": Field(list_of(TOOL_CALL), "the tools the assistant called in it"),
        "has_image": Field(BOOL, "whether it has an image part"),
    },
)

TOOL = record(
    "tool",
    {
        "name": Field(STRING, "the tool's name"),
        "description": Field(STRING, "its description, or empty"),
    },
)

RESPONSE_FORMAT = record(
    "response_format",
    {
        "type": Field(enum_of("text", "json_object", "json_schema"), "`text`, `json_object` or `json_schema`"),
        "schema": Field(map_of(STRING, DYN), "the JSON Schema, or an empty map"),
    },
)

_PROFILE = "from `X-Router-Profile`; `CHAT` without it. The policy's `profiles` may name others"

REQUEST: Mapping[str, Field] = {
    "id": Field(STRING, "the request's id (`X-Request-ID`, or one of ours)"),
    "time": Field(TIMESTAMP, "when the request was admitted"),
    "method": Field(STRING, "HTTP method"),
    "path": Field(STRING, "URL path, without the query"),
    "query": Field(total_map(), 'query parameters; an absent one reads `""`', cost=Cost.HEADERS, omittable=True),
    "headers": Field(
        total_map(folded_keys=True),
        'request headers, names in lower case; an absent one reads `""`',
        cost=Cost.HEADERS,
        omittable=True,
    ),
    "dialect": Field(enum_of(*DIALECTS), "the wire format the client speaks"),
    "operation": Field(enum_of(*[each.value for each in Operation]), "what is asked of the model"),
    "model": Field(STRING, "the model the client asks for, or `auto`", cost=Cost.BODY),
    "profile": Field(enum_of(*PROFILES), _PROFILE, cost=Cost.HEADERS),
    "stream": Field(BOOL, "whether the answer is to be streamed", cost=Cost.BODY),
    "messages": Field(list_of(MESSAGE), "the conversation, oldest first", cost=Cost.BODY),
    "system": Field(STRING, "the system and developer text, joined by empty lines", cost=Cost.TEXT),
    "last_user": Field(STRING, "the text of the last user message, or empty", cost=Cost.TEXT),
    "opening": Field(
        STRING,
        "the sha256 (hex) of what it opens with: the system text and the first user message; empty without one",
        cost=Cost.TEXT,
    ),
    "tools": Field(list_of(TOOL), "the tools offered to the model", cost=Cost.BODY),
    "tool_choice": Field(
        STRING, "`auto`, `none`, `required`, or the one tool that must be called", cost=Cost.BODY, optional=True
    ),
    "response_format": Field(RESPONSE_FORMAT, "the form of answer asked for", cost=Cost.BODY, optional=True),
    "max_tokens": Field(INT, "the most tokens the answer may have", cost=Cost.BODY, optional=True),
    "temperature": Field(DOUBLE, "sampling temperature", cost=Cost.BODY, optional=True),
    "params": Field(
        map_of(STRING, DYN),
        "the body's other parameters, by the names the client's dialect gives them",
        cost=Cost.BODY,
        omittable=True,
    ),
    "modalities": Field(
        list_of(STRING), "what goes in or is asked for: `text`, `image`, `audio`, `file`, `video`", cost=Cost.BODY
    ),
    "metadata": Field(total_map(), 'the body\'s `metadata`; an absent name reads `""`', cost=Cost.BODY, omittable=True),
    "input_tokens": Field(INT, "an estimate of the prompt's tokens", cost=Cost.TEXT),
    "size": Field(INT, "the body's size in bytes"),
}

CLIENT: Mapping[str, Field] = {
    "id": Field(STRING, "who calls"),
    "tenant": Field(STRING, "whose conversations they are"),
    "team": Field(STRING, "the client's team, or empty"),
    "tier": Field(STRING, "the client's tier, or empty"),
    "tags": Field(total_map(), 'the client\'s own tags; an absent one reads `""`'),
    "role": Field(enum_of("user", "operator"), "`user` or `operator`"),
    "address": Field(STRING, "the peer's IP address, or empty"),
}

SESSION: Mapping[str, Field] = {
    "id": Field(STRING, "`X-Conversation-ID`, or what stands for it, or empty", cost=Cost.HEADERS, omittable=True),
    "turn": Field(INT, "which of the conversation's requests this is, from 1"),
    "age": Field(DURATION, "how long ago the first one came"),
    "target": Field(STRING, "the target it is pinned to, else the one that answered last; empty before"),
    "switches": Field(INT, "how often it was moved from one place to another"),
    "divergence": Field(INT, "how often something was done because it went round in circles"),
    "labels": Field(list_of(CLEARANCE), "how secret the labelled texts of its earlier requests are"),
}

GATEWAY: Mapping[str, Field] = {
    "in_flight": Field(INT, "requests being served by this process"),
    "load": Field(DOUBLE, "those as a share of what it serves at once, 0 to 1"),
    "queue": Field(INT, "requests that wait for a place in it"),
}


CONTENT: Mapping[str, Field] = {
    "pii": Field(list_of(enum_of(*GROUPS["pii"])), "kinds of what is personal in its texts", cost=Cost.SEARCH),
    "secrets": Field(list_of(enum_of(*GROUPS["secrets"])), "kinds of secrets in its texts", cost=Cost.SEARCH),
    "labels": Field(list_of(CLEARANCE), "how secret its texts are, by the profiles of `scrub` rules", cost=Cost.SEARCH),
}


TARGET = target_record(Phase.CANDIDATE)


def _answered(type_: Type, doc: str, *, cost: Cost = Cost.CHEAP, optional: bool = False) -> Field:
    return Field(type_, doc, phase=Phase.RESPONSE, cost=cost, optional=optional)


CALLED = record("called_tool", {"name": _answered(STRING, "the tool called")})

RESPONSE: Mapping[str, Field] = {
    "finish_reason": _answered(enum_of(*FinishReason), "why the answer ended"),
    "refused": _answered(
        BOOL, "whether it is a refusal: the provider says so or filtered it, or it begins with one of `refusals`"
    ),
    "schema_valid": _answered(BOOL, "whether it fits the schema that was demanded; true where none was"),
    "text": _answered(STRING, "all its text, a refusal's words too; thoughts are not in it", cost=Cost.TEXT),
    "tool_calls": _answered(list_of(CALLED), "the tools it calls, in order"),
}

USAGE: Mapping[str, Field] = {
    "input_tokens": _answered(INT, "tokens of the prompt, cached ones too", optional=True),
    "output_tokens": _answered(INT, "tokens of the answer, those of thinking too", optional=True),
    "cached_input_tokens": _answered(INT, "of the prompt, read from the provider's cache", optional=True),
    "cache_write_tokens": _answered(INT, "of the prompt, written to it", optional=True),
    "reasoning_tokens": _answered(INT, "of the answer, for thinking", optional=True),
    "cost_usd": _answered(DOUBLE, "what they cost by the target's price", optional=True),
}
"""Absent where the provider did not say; the cost also where the target has no price."""

ANSWER_ROOTS = frozenset({"response", "usage"})
"""What is known once the answer is there."""

BUDGET = record(
    "budget",
    {
        "spent_usd": Field(DOUBLE, "spent in this window, with what calls in flight are expected to cost"),
        "remaining_usd": Field(DOUBLE, "what is left of the limit, 0 and more"),
        "used_ratio": Field(DOUBLE, "what is spent as a share of the limit: 1 and more where it is used up"),
    },
)


ROOT_DOCS: Mapping[str, str] = {
    "request": "the client's request, frozen at admission",
    "client": "who calls",
    "session": "the conversation",
    "gateway": "this process",
    "content": "what is found in the request's texts: [kinds](redaction.md) and [labels](scrubbing.md), if a rule asks",
    "budgets": "by name, the share of this request's in [budgets](budgets.md) that rules define",
    "targets": 'every declared target by name, as `target`: `targets["gpt"].quality`',
    "target": "the candidate at hand: in `require`, `where` and `rank`; with `phase: response` the one that answered",
    "response": "the answer, its first choice: in rules with `phase: response`",
    "usage": "its tokens, where the provider says: in rules with `phase: response`",
    "variables": "the policy's own `variables`",
}


def roots(
    targets: Iterable[str] = (),
    variables: Mapping[str, Field] | None = None,
    profiles: Sequence[str] | None = PROFILES,
    budgets: Iterable[str] = (),
) -> Mapping[str, Type]:
    """Every root an expression may name, for a policy set with these targets, variables, profiles (None: any) and
    budgets."""
    profile = replace(REQUEST["profile"], type=enum_of(*(profiles or ())))
    return {
        "request": record("request", {**REQUEST, "profile": profile}),
        "client": record("client", CLIENT),
        "session": record("session", SESSION),
        "gateway": record("gateway", GATEWAY),
        "content": record("content", CONTENT),
        "budgets": record("budgets", dict.fromkeys(budgets, Field(BUDGET, "the budget of that name"))),
        "targets": map_by_name(targets, target_record(Phase.REQUEST)),
        "target": TARGET,
        "response": record("response", RESPONSE),
        "usage": record("usage", USAGE),
        "variables": record("variables", variables or {}),
    }
