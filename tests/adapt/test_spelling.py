"""Fields that Chat has two names for go by the one that the target knows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.support.aimed import sent

USER: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
OPENAI, AZURE = "vendor: openai", "vendor: azure, base_url: 'https://a.example/v1'"
UNKNOWN = "dialect: openai_chat, base_url: 'https://llm.example/v1'"


@pytest.mark.parametrize(
    ("provider", "model", "given", "found"),
    [
        (OPENAI, "o3", "max_tokens", "max_completion_tokens"),
        (OPENAI, "gpt-5-mini", "max_tokens", "max_completion_tokens"),
        (OPENAI, "gpt-5-mini", "max_completion_tokens", "max_completion_tokens"),
        (AZURE, "my-deployment", "max_tokens", "max_completion_tokens"),
        (OPENAI, "gpt-4o", "max_tokens", "max_tokens"),
        (OPENAI, "gpt-4o", "max_completion_tokens", "max_completion_tokens"),
        ("vendor: mistral", "mistral-small-latest", "max_completion_tokens", "max_tokens"),
        ("vendor: deepseek", "deepseek-chat", "max_completion_tokens", "max_tokens"),
        ("vendor: ollama", "qwen3:8b", "max_completion_tokens", "max_tokens"),
        (UNKNOWN, "m", "max_completion_tokens", "max_completion_tokens"),
        (UNKNOWN, "m", "max_tokens", "max_tokens"),
    ],
)
def test_a_chat_clients_limit_goes_by_the_name_that_the_model_knows(
    provider: str, model: str, given: str, found: str
) -> None:
    request = {"messages": USER, given: 50, "odd": {"kept": 1}}
    result = sent("openai_chat", request, provider, model)
    assert result.body == {"model": model, "messages": USER, found: 50, "odd": {"kept": 1}}
    assert result.changes == (set() if given == found else {"max_tokens=renamed"})


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        (OPENAI, "gpt-5-mini", "max_completion_tokens"),
        (OPENAI, "gpt-4o", "max_tokens"),
        ("vendor: mistral", "mistral-small-latest", "max_tokens"),
        (UNKNOWN, "m", "max_tokens"),
    ],
)
def test_so_does_the_limit_of_any_other_client(provider: str, model: str, found: str) -> None:
    result = sent("anthropic", {"messages": USER, "max_tokens": 50}, provider, model)
    assert {name: value for name, value in result.body.items() if value == 50} == {found: 50}
    assert not any(change.startswith("max_tokens") for change in result.changes)


def test_the_limit_that_is_clamped_goes_by_its_name_too() -> None:
    result = sent("openai_chat", {"messages": USER, "max_tokens": 1_000_000}, OPENAI, "gpt-5-mini")
    assert result.body.keys() == {"model", "messages", "max_completion_tokens"}
    assert result.changes == {"max_tokens=clamped", "max_tokens=renamed"}


def test_of_two_limits_the_newer_is_meant() -> None:
    request = {"messages": USER, "max_tokens": 9, "max_completion_tokens": 50}
    assert sent("openai_chat", request, "vendor: mistral", "mistral-small-latest").body["max_tokens"] == 50


def test_mistral_has_a_name_of_its_own_for_the_seed() -> None:
    mistral = ("vendor: mistral", "mistral-small-latest")
    for name in ("seed", "random_seed"):
        body = sent("openai_chat", {"messages": USER, name: 3}, *mistral).body
        assert body.keys() == {"model", "messages", "random_seed"}
    gemini = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"seed": 3}}
    assert sent("gemini", gemini, *mistral).body["random_seed"] == 3
    assert sent("openai_chat", {"messages": USER, "random_seed": 3}, OPENAI, "gpt-4o").body["random_seed"] == 3


def test_a_policy_says_which_names_its_own_server_knows() -> None:
    takes = "{max_tokens_name: max_completion_tokens, seed_name: random_seed}"
    body = sent("openai_chat", {"messages": USER, "max_tokens": 5, "seed": 3}, UNKNOWN, "m", takes).body
    assert body.keys() == {"model", "messages", "max_completion_tokens", "random_seed"}


def test_where_the_name_is_right_the_clients_own_bytes_are_sent() -> None:
    raw = b'{ "model":"asked", "max_completion_tokens":  50,"messages":' + orjson.dumps(USER) + b"}"
    result = sent("openai_chat", raw, OPENAI, "gpt-5-mini")
    assert result.raw == raw.replace(b'"asked"', b'"gpt-5-mini"')
