"""Runs the tests embedded in a policy: the same decision as traffic would get, compared with what the author expects.

Rule of this module: a test sees nothing but the decision. It passes or it says which expectation failed and what was
decided instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from policyroute.author import conversations
from policyroute.author.answers import answer_of, verdict_on
from policyroute.author.budgets import standings
from policyroute.author.observed import seconds, state_of
from policyroute.decide import Decision, PolicySet
from policyroute.dialects import DIALECTS
from policyroute.policy.cases import Denied, Expect, Given, GivenClient, GivenRequest
from policyroute.policy.model import Case, KnownClient
from policyroute.problems import Problem
from policyroute.request import (
    BadRequest,
    Client,
    Message,
    ModelRequest,
    Operation,
    Profiles,
    ResponseFormat,
    Tool,
    ToolCall,
)

_HELLO = {"role": "user", "content": "Hello"}
_WORDS: Mapping[str, Mapping[str, Any]] = {
    Operation.EMBEDDINGS: {"input": "Hello"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "openai_responses": {"input": "Hello"},
}
"""What is said where the case does not: by operation, and by dialects whose words are not `messages`."""
_TIME = 1_767_225_600.0
"""When a test happens unless it says so: 2026-01-01T00:00:00Z. A decision depends on nothing but what is given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended. `failures` are empty where it passed; `decision` is None where nothing could be decided."""

    case: Case
    failures: tuple[str, ...]
    decision: Decision | None

    @property
    def passed(self) -> bool:
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.case.spec.name,
            "file": self.case.span.file,
            "line": self.case.span.line,
            "passed": self.passed,
            "failures": list(self.failures),
            "decision": self.decision.as_json() if self.decision else None,
        }


def run(policy: PolicySet) -> tuple[Outcome, ...]:
    """Every embedded test, in the order they are written."""
    return tuple(_outcome(policy, case) for case in policy.program.cases)


def failed(outcomes: Iterable[Outcome]) -> tuple[Problem, ...]:
    """Failed tests as problems: they keep a set from being used."""
    return tuple(
        Problem(
            "test-failed",
            f"test `{outcome.case.spec.name}` fails: {'; '.join(outcome.failures)}",
            outcome.case.span,
            "`policyroute test` shows the whole decision",
        )
        for outcome in outcomes
        if not outcome.passed
    )


def _outcome(policy: PolicySet, case: Case) -> Outcome:
    given = case.spec.given
    client = client_of(given)
    try:
        state = state_of(policy.program, given)
        request, session, labels, errors = conversations.held(
            policy, given, request_of(given, policy.program.profiles), state, client
        )
        budgets = standings(given, policy.claims(request, client, state, request.time, session))
    except (BadRequest, ValueError) as error:
        return Outcome(case, (f"what is given makes no request: {error}",), None)
    decision = policy.decide(
        request,
        state,
        request.time,
        decision_id="test",
        client=client,
        session=session,
        session_labels=labels,
        budgets=budgets,
    )
    verdict = verdict_on(policy, decision, state, answer_of(given, policy.program.refusals, request, decision))
    decision = replace(
        decision,
        denied=decision.denied or verdict.denied,
        fired=decision.fired + verdict.fired,
        shadow=decision.shadow + verdict.shadow,
        errors=errors + decision.errors + verdict.errors,
    )
    return Outcome(case, tuple(_failures(case.spec.expect, decision)), decision)


# What is given -------------------------------------------------------------------------------------------------------


def client_of(given: Given) -> Client:
    """The client with the facts given."""
    said: dict[str, Any] = given.client.model_dump(exclude_none=True)
    for name in said.keys() & {"profiles", "models"}:
        said[name] = tuple(said[name])
    return Client(**said)


def given_client(known: KnownClient) -> GivenClient:
    """A client of the policy as what a test would say of it."""
    facts = known.facts
    said: dict[str, Any] = {name: getattr(facts, name) for name in GivenClient.model_fields}
    for name in ("profiles", "models"):
        said[name] = said[name] and list(said[name])
    return GivenClient.model_validate(said)


def request_of(given: Given, profiles: Profiles) -> ModelRequest:
    """A request with the facts given. Raises BadRequest where a whole `body` is given that no gateway would take, or a
    profile that the policy does not know or the client was not granted."""
    said = given.request
    operation = Operation(said.operation or Operation.CHAT)
    dialect = said.dialect or ("anthropic" if operation is Operation.COUNT_TOKENS else "openai_chat")
    words = _WORDS.get(dialect if operation is Operation.CHAT else operation, {"messages": [_HELLO]})
    body = said.body or {"model": said.model or "auto", **words}
    headers = dict(said.headers or {})
    if said.profile:
        headers["x-router-profile"] = said.profile
    if given.session.id:
        headers["x-conversation-id"] = given.session.id
    request = ModelRequest.read(
        dialect,
        body=orjson.dumps(body),
        headers=headers,
        path=said.path or f"/v1{DIALECTS[dialect].endpoint(said.model or 'auto', False, operation)}",
        operation=operation,
        method=said.method or "POST",
        query=said.query or {},
        id=said.id or "",
        received_at=_TIME,
        profiles=profiles,
        granted=client_of(given).profiles,
    )
    return request.declaring(id=request.id or "test", **dict(_declared(said)))


_AS_WRITTEN = (
    "model stream system last_user tool_choice max_tokens temperature params metadata input_tokens size".split()
)


def _declared(said: GivenRequest) -> Iterator[tuple[str, Any]]:
    for name in _AS_WRITTEN:
        value = getattr(said, name)
        if value is not None:
            yield name, value
    if said.input_tokens is not None and said.size is None:
        yield "size", max(said.input_tokens, 1) * 4  # a body that could hold them
    if said.time is not None:
        yield "time", seconds(said.time)
    if said.messages is not None:
        yield (
            "messages",
            tuple(
                Message(one.role, one.text, tuple(_tool_call(call) for call in one.tool_calls), one.has_image)
                for one in said.messages
            ),
        )
    if said.tools is not None:
        yield "tools", tuple(Tool(tool.name, tool.description) for tool in said.tools)
    if said.response_format is not None:
        kind = said.response_format.get("type", "json_schema")
        yield "response_format", ResponseFormat(kind, said.response_format.get("schema", {}))
    if said.modalities is not None:
        yield "modalities", tuple(said.modalities)


def _tool_call(call: dict[str, str]) -> ToolCall:
    return ToolCall(call.get("id", "call"), call.get("name", ""), call.get("arguments", "{}"))


# What is expected ----------------------------------------------------------------------------------------------------


def _failures(expect: Expect, decision: Decision) -> Iterator[str]:
    yield from _denial(expect.denied, decision)
    if expect.route_rule is not None and decision.route_rule != expect.route_rule:
        yield f"route_rule is `{decision.route_rule}`, not `{expect.route_rule}`"
    yield from _order(expect, decision)
    yield from _members(expect, decision)
    if expect.limits is not None:
        for name, wanted in expect.limits.model_dump(exclude_none=True).items():
            if getattr(decision.limits, name) != wanted:
                yield f"limits.{name} is {getattr(decision.limits, name):g}s, not {wanted:g}s"
    yield from _answers(expect, decision)
    yield from conversations.failures(expect, decision)


def _answers(expect: Expect, decision: Decision) -> Iterator[str]:
    """What is done about answers."""
    mid_stream, hold = decision.fallback.mid_stream, decision.hold
    if expect.mid_stream is not None and mid_stream != expect.mid_stream:
        yield f"mid_stream is {mid_stream}, not {expect.mid_stream}"
    held = [name for name, on in (("tools", hold.tools), ("schema", hold.schema)) if on]
    if expect.held is not None and set(held) != set(expect.held):
        yield f"held are {_listed(held)}, not {_listed(expect.held)}"
    file = decision.expected.file if decision.expected is not None else None
    if expect.expected_schema is not None and file != expect.expected_schema:
        yield f"the schema that answers have to fit is {file or 'none'}, not {expect.expected_schema}"


def _order(expect: Expect, decision: Decision) -> Iterator[str]:
    names = list(dict.fromkeys(candidate.target for candidate in decision.candidates))
    if expect.target is not None and names[:1] != [expect.target]:
        yield f"target is {_shown(names[:1], decision)}, not `{expect.target}`"
    if expect.candidates is not None and names != expect.candidates:
        yield f"candidates are {_shown(names, decision)}, not {_listed(expect.candidates)}"


def _members(expect: Expect, decision: Decision) -> Iterator[str]:
    for what, wanted, there in (
        ("excluded", expect.excluded, {excluded.target for excluded in decision.excluded}),
        ("fired", expect.fired, set(decision.fired)),
        ("shadow", expect.shadow, set(decision.shadow)),
    ):
        if missing := [name for name in wanted or () if name not in there]:
            yield f"{what} lacks {_listed(missing)}"
    if unwanted := [name for name in expect.not_fired or () if name in decision.fired]:
        yield f"{_listed(unwanted)} fired"


def _denial(wanted: bool | Denied | None, decision: Decision) -> Iterator[str]:
    denied = decision.denied
    if wanted is None or wanted is False:
        if wanted is False and denied:
            yield f"it is denied with {denied.status} `{denied.code}`"
    elif denied is None:
        yield "it is not denied"
    elif isinstance(wanted, Denied):
        for name, value in wanted.model_dump(exclude_none=True).items():
            if getattr(denied, name) != value:
                yield f"denied.{name} is `{getattr(denied, name)}`, not `{value}`"


def _shown(names: list[str], decision: Decision) -> str:
    if names:
        return _listed(names)
    return f"none (denied with {decision.denied.status} `{decision.denied.code}`)" if decision.denied else "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
