"""Tool calls that are held until the answer is whole: an attempt that breaks off in one has not begun it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from tests.support.asking import GOING_ON, Got, asked, body_of
from tests.support.tellers import ANSWER, Teller

from policyroute.decide.resolved import ResolvedHold
from policyroute.dialects import DIALECTS
from policyroute.events import ToolCallDelta

pytestmark = pytest.mark.anyio

TOOLS = ResolvedHold(tools=True)
CALLS = [("look", '{"where": "barn"}'), ("ask", '{"who": "Brisk", "what": ["why", "when"]}')]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
DECLARED: dict[str, dict[str, Any]] = {
    "openai_chat": {"tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]},
    "openai_responses": {"tools": [{"type": "function", "name": "look", "parameters": SCHEMA}]},
    "anthropic": {"tools": [{"name": "look", "input_schema": SCHEMA}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}]},
}
PAIRS = list(product(DIALECTS, DIALECTS))
NEXT = dict(zip(DIALECTS, [*list(DIALECTS)[1:], next(iter(DIALECTS))], strict=True))


def called(got: Got) -> list[tuple[str, str]]:
    calls: dict[int, tuple[str, str]] = {}
    for event in got.events:
        if isinstance(event, ToolCallDelta):
            name, said = calls.get(event.index, ("", ""))
            calls[event.index] = (name + (event.name or ""), said + event.arguments)
    assert list(calls) == list(range(len(calls)))
    return [(name, said.replace(" ", "")) for name, said in calls.values()]


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_a_call_that_breaks_off_is_made_anew(client: str, provider: str) -> None:
    """Text, then two calls: cut in the text, between, in the midst of either, and right before the end."""
    wanted = [(name, said.replace(" ", "")) for name, said in CALLS]
    for cut in (20, 59, 60, 61, 63, 66, 69, 72):
        first, second = Teller(provider, cut, calls=CALLS), Teller(NEXT[provider], calls=CALLS)
        body = body_of(client, **DECLARED[client])
        got = await asked(client, first, second, hold=TOOLS, body=body)
        assert got.failure is None, (cut, got.failure)
        assert (got.text, called(got), got.is_one_answer) == (ANSWER, wanted, True), cut


@pytest.mark.parametrize("client", DIALECTS)
async def test_with_tools_that_are_not_held_nobody_goes_on(client: str) -> None:
    body = body_of(client, **DECLARED[client])
    got = await asked(client, Teller(client, 20), Teller(client), body=body)
    assert got.failure is not None
    assert [way for _, _, way in got.ways] == [None]


@pytest.mark.parametrize("client", [name for name in DIALECTS if name != "gemini"])  # which tells calls whole
async def test_where_calls_are_larger_than_may_be_held_nobody_goes_on_after_them(client: str) -> None:
    long = [("look", '{"where": "' + "x" * 5000 + '"}')]
    small = replace(TOOLS, max_bytes=1024)
    body = body_of(client, **DECLARED[client])
    got = await asked(client, Teller(client, 64, calls=long), Teller(client, calls=long), body=body, hold=small)
    assert got.failure is not None
    assert [way for _, _, way in got.ways] == [None]


@pytest.mark.parametrize("client", DIALECTS)
async def test_text_is_not_held(client: str) -> None:
    """It reaches the client while the provider is still speaking."""
    body = body_of(client, **DECLARED[client])
    got = await asked(client, Teller(client, 59, "reset", calls=CALLS), body=body, hold=TOOLS, fallback=GOING_ON)
    assert got.failure is not None
    assert got.text == ANSWER


@pytest.mark.parametrize("client", [name for name in DIALECTS if name != "gemini"])  # which tells calls whole
async def test_calls_are_not_held_for_somebody_who_may_not_be_asked(client: str) -> None:
    nobody = replace(GOING_ON, retries=0, max_swaps=0)
    body = body_of(client, **DECLARED[client])
    tellers = Teller(client, 64, calls=CALLS), Teller(client, calls=CALLS)
    got = await asked(client, *tellers, body=body, hold=TOOLS, fallback=nobody)
    assert got.failure is not None
    assert [name for name, _ in called(got)][:1] == ["look"]
