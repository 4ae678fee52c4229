"""What an answer was like: refused, cut, empty, valid by its schema, how fast.

Rule of this module: schemas are the case's own and nothing is fetched for them; a schema that cannot be used holds for
no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from policyroute.dialects.shapes import items, obj
from policyroute.events import (
    REFUSING,
    Finished,
    FinishReason,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.exchange.verdict import shows
from policyroute.failures import REFUSALS, FailureKind
from policyroute.request import ModelRequest
from policyroute_asgi.probe.ask import Heard
from policyroute_asgi.probe.suite import Expect

_NOTHING: Registry[Any] = Registry()  # pyright: ignore[reportUnknownArgumentType]


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer, measured. `outcome` is `ok` or a failure kind; validity is None where there was nothing to judge:
    no schema, no call, a refusal. Times are milliseconds."""

    outcome: str
    refused: bool
    truncated: bool
    empty: bool
    finish: str | None
    schema_valid: bool | None
    arguments_valid: bool | None
    tools: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    ttft_ms: float | None
    total_ms: float
    text: str = field(repr=False)
    trouble: str = field(repr=False)

    @property
    def valid(self) -> bool | None:
        """Of the answer, or of the calls in its place."""
        return self.arguments_valid if self.schema_valid is None else self.schema_valid

    @property
    def measured(self) -> bool:
        """Whether the model had its say: a refusal, an empty or an unreadable answer count, an outage does not."""
        return self.outcome == "ok" or self.refused or self.truncated or self.empty or self.valid is False


def measure(heard: Heard, request: ModelRequest) -> Seen:
    events = heard.events
    failure = heard.failure
    finish = next((event.reason for event in reversed(events) if isinstance(event, Finished)), None)
    usage = next((event for event in reversed(events) if isinstance(event, Usage)), None)
    declined = any(isinstance(event, RefusalDelta) and event.text for event in events)
    kind = failure.kind if failure is not None else None
    malformed = kind is FailureKind.SCHEMA_INVALID  # the provider itself could not read the call, or the JSON
    refused = finish in REFUSING or declined or kind in REFUSALS
    text = "".join(event.text for event in events if isinstance(event, TextDelta) and event.choice == 0)
    calls = _calls(events)
    judged = failure is None and not refused
    return Seen(
        outcome="ok" if failure is None else failure.kind.value,
        refused=refused,
        truncated=finish is FinishReason.LENGTH or kind is FailureKind.TRUNCATED,
        empty=kind is FailureKind.EMPTY or (judged and not any(map(shows, events))),
        finish=finish.value if finish is not None else None,
        schema_valid=_answer_valid(text, request) if judged and not calls else _no(malformed and not request.tools),
        arguments_valid=_arguments_valid(calls, request) if judged and calls else _no(malformed and request.tools),
        tools=tuple(name for name, _ in calls),
        input_tokens=usage.input if usage else None,
        output_tokens=usage.output if usage else None,
        ttft_ms=heard.first if request.stream else None,
        total_ms=heard.total,
        text=text,
        trouble=failure.message if failure is not None else "",
    )


def unmet(seen: Seen, expect: Expect) -> tuple[str, ...]:
    """What was expected and did not hold, in words without any of the answer's."""
    checks = (
        (seen.measured, f"no answer: {seen.outcome}"),
        (expect.refused in (None, seen.refused), f"refused is {_word(seen.refused)}"),
        (expect.schema_valid in (None, seen.valid), f"schema_valid is {_word(seen.valid)}"),
        (expect.tool is None or expect.tool in seen.tools, f"`{expect.tool}` was not called"),
        (expect.tools in (None, len(seen.tools)), f"tools is {len(seen.tools)}"),
        (expect.finish is None or seen.finish in expect.finish, f"finish is {seen.finish}"),
        *((part in seen.text, f"contains[{n}] is not there") for n, part in enumerate(expect.contains or ())),
        *((part not in seen.text, f"not_contains[{n}] is there") for n, part in enumerate(expect.not_contains or ())),
    )
    failed = tuple(said for holds, said in checks if not holds)
    return failed if seen.measured else failed[:1]


def _no(certain: object) -> bool | None:
    return False if certain else None


def _word(value: bool | None) -> str:
    return "unknown" if value is None else str(value).lower()


def _calls(events: Iterable[StreamEvent]) -> list[tuple[str, str]]:
    """Name and arguments of each call, in order."""
    found: dict[int, tuple[str, str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta) and event.choice == 0:
            name, arguments = found.get(event.index, ("", ""))
            found[event.index] = (event.name or name, arguments + event.arguments)
    return [found[index] for index in sorted(found)]


def _answer_valid(text: str, request: ModelRequest) -> bool | None:
    form = request.response_format
    if not form or not form.type.startswith("json"):
        return None
    return _valid(text, form.schema)


def _arguments_valid(calls: Iterable[tuple[str, str]], request: ModelRequest) -> bool:
    """Whether each call is of a tool there is, its arguments as that says."""
    functions = [obj(obj(tool).get("function")) for tool in items(request.data.get("tools"))]
    schemas = {function.get("name"): obj(function.get("parameters")) for function in functions}
    return all(name in schemas and _valid(arguments or "{}", schemas[name]) for name, arguments in calls)


def _valid(text: str, schema: Mapping[str, Any]) -> bool:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    try:
        Draft202012Validator.check_schema(schema)
        # The registry is empty: a `$ref` that leads elsewhere leads nowhere, and is not fetched.
        return bool(cast("Any", Draft202012Validator)(schema, registry=_NOTHING).is_valid(value))
    except (SchemaError, Unresolvable, RecursionError):
        return False
