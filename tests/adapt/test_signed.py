"""Thoughts that nobody signed do not go to who takes back only what its models signed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aimed import sent

CLAUDE = ("vendor: anthropic", "claude-sonnet-5")
SIGNED: dict[str, Any] = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
TEXT: dict[str, Any] = {"type": "text", "text": "Nine owls."}


def turns(*blocks: dict[str, Any]) -> dict[str, Any]:
    """A conversation that goes on after an answer of these."""
    user = [{"role": "user", "content": "Tell me of owls."}, {"role": "user", "content": "And then?"}]
    said = {"role": "assistant", "content": list(blocks)}
    return {"max_tokens": 99, "messages": [user[0], said, user[1]]}


@pytest.mark.parametrize("unsigned", [{**SIGNED, "signature": ""}, {"type": "thinking", "thinking": "Hm."}])
def test_what_was_told_without_a_signature_is_left_out(unsigned: dict[str, Any]) -> None:
    """As a client got it where another provider thought it, or where it broke off and another went on."""
    result = sent("anthropic", turns(unsigned, SIGNED, TEXT), *CLAUDE)
    assert result.body["messages"] == turns(SIGNED, TEXT)["messages"]
    assert result.changes == {"messages.thought=dropped"}
    only = sent("anthropic", turns(unsigned), *CLAUDE)
    assert [each["role"] for each in only.body["messages"]] == ["user", "user"]


def test_what_is_signed_goes_back_as_it_came() -> None:
    body = turns(SIGNED, {"type": "redacted_thinking", "data": "eA=="}, TEXT)
    result = sent("anthropic", body, *CLAUDE)
    assert (result.body, result.changes) == ({"model": CLAUDE[1], **body}, set())


def test_a_server_that_signs_nothing_gets_its_thoughts_back() -> None:
    body = turns({**SIGNED, "signature": ""}, TEXT)
    server = 'dialect: anthropic, base_url: "https://own.example/v1"'
    assert sent("anthropic", body, server, "own").body["messages"] == body["messages"]
