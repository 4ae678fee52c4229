"""What providers say of tokens, in one convention: as recorded, streamed and not, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from tests.dialects.conftest import Recording

from policyroute.absent import ABSENT
from policyroute.decide.answers import cost_usd
from policyroute.dialects import DIALECTS
from policyroute.dialects.anthropic.message import read_usage as anthropic
from policyroute.dialects.gemini.content import read_usage as gemini
from policyroute.dialects.openai_chat.chunk import read_usage as chat
from policyroute.dialects.openai_responses.response import read_usage as responses
from policyroute.dialects.shapes import items, obj
from policyroute.events import Usage
from policyroute.policy.model import Price

PRICE = Price(10.0, 1.0, 12.5, 50.0, tiers={"flex": Price(5.0, 0.5, ABSENT, 25.0)})
"""USD per million tokens."""

TABLE: list[tuple[Callable[[dict[str, Any]], Usage], dict[str, Any], tuple[int, int, int, int], float]] = [
    # What is said; input, output, cached, written; USD per million requests like it.
    (
        chat,
        {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 60}},
        (100, 10, 60, 0),
        40 * 10 + 60 * 1 + 10 * 50,
    ),
    (
        chat,  # xAI counts reasoning beside the completion
        {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 130,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        (100, 30, 0, 0),
        100 * 10 + 30 * 50,
    ),
    (
        chat,  # DeepSeek
        {"prompt_tokens": 100, "completion_tokens": 10, "prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40},
        (100, 10, 60, 0),
        40 * 10 + 60 * 1 + 10 * 50,
    ),
    (
        responses,
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "input_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 20},
            "output_tokens_details": {"reasoning_tokens": 8},
        },
        (100, 10, 50, 20),
        30 * 10 + 50 * 1 + 20 * 12.5 + 10 * 50,
    ),
    (
        anthropic,  # counts what was cached beside the input
        {
            "input_tokens": 40,
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 10,
            "output_tokens": 10,
            "service_tier": "standard",
        },
        (100, 10, 50, 10),
        40 * 10 + 50 * 1 + 10 * 12.5 + 10 * 50,
    ),
    (
        gemini,  # counts thoughts, and what tools put into the prompt, beside
        {
            "promptTokenCount": 90,
            "toolUsePromptTokenCount": 10,
            "cachedContentTokenCount": 50,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 6,
        },
        (100, 10, 50, 0),
        50 * 10 + 50 * 1 + 10 * 50,
    ),
]


@pytest.mark.parametrize(("read", "said", "split", "cost"), TABLE)
def test_each_token_is_charged_once(
    read: Callable[[dict[str, Any]], Usage], said: dict[str, Any], split: tuple[int, ...], cost: float
) -> None:
    usage = read(said)
    assert (usage.input, usage.output, usage.cached_input, usage.cache_write) == split
    assert cost_usd(usage, PRICE) == pytest.approx(cost / 1e6)


def test_a_tier_has_its_own_price_and_one_without_costs_as_usual() -> None:
    said = {"input_tokens": 100, "output_tokens": 10}
    assert cost_usd(responses(said, "flex"), PRICE) == pytest.approx((100 * 5 + 10 * 25) / 1e6)
    assert cost_usd(responses(said, "default"), PRICE) == cost_usd(responses(said), PRICE)


@pytest.mark.parametrize(("cached", "written"), [(200, 0), (0, 200), (80, 80)])
def test_more_cached_than_asked_is_charged_as_what_was_asked(cached: int, written: int) -> None:
    cost = cost_usd(Usage(100, 0, cached, written), PRICE)
    assert isinstance(cost, float)
    assert 100 * 1.0 <= cost * 1e6 <= 100 * 12.5


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_what_was_recorded_is_split_as_its_vendor_counts(dialect: str, request: pytest.FixtureRequest) -> None:
    """Against what the raw answers say, added up here by each vendor's own rule."""
    fixture, said = RECORDED[dialect]
    recorded: list[Recording] = request.getfixturevalue(fixture)
    streamed = whole = 0
    for one in recorded:
        raw = list(_raw(one))
        usage = _heard(one, dialect) if one.status == 200 else None
        if usage is None or not raw:
            continue
        streamed, whole = streamed + bool(one.sse), whole + (not one.sse)
        assert (usage.input, usage.output, usage.cached_input) == said(raw[-1]), one.name
        cost = cost_usd(usage, PRICE)
        uncached = cost_usd(Usage(usage.input, usage.output), PRICE)
        assert isinstance(cost, float)
        assert isinstance(uncached, float)
        assert cost <= uncached + usage.cache_write * 2.5 / 1e6 + 1e-12, f"{one.name}: cached tokens are charged twice"
    assert streamed > 10
    assert whole > 10


def _heard(one: Recording, dialect: str) -> Usage | None:
    """The last that is said, which holds."""
    how = DIALECTS[dialect]
    if one.sse:
        reader = how.stream()
        found, _ = reader.feed(one.sse)
        events = found + reader.end()
    else:
        events = how.answer(orjson.dumps(one.body))
    return next((event for event in reversed(events) if isinstance(event, Usage)), None)


def _raw(one: Recording) -> Iterator[dict[str, Any]]:
    """Every count in the answer. A stream of Anthropic's adds to what it said first."""
    body = items(one.body) or [one.body]
    told = [_parsed(line[5:]) for line in one.sse.splitlines() if line[:5] == b"data:"] if one.sse else body
    so_far: dict[str, Any] = {}
    for each in map(obj, told):
        for holder in (each, *(obj(each.get(name)) for name in ("message", "response", "x_groq"))):
            usage = obj(holder.get("usage") or holder.get("usageMetadata"))
            if usage:
                so_far = {**so_far, **{name: value for name, value in usage.items() if value is not None}}
                yield so_far if one.api == "messages" else usage


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        return obj(orjson.loads(data))
    except orjson.JSONDecodeError:
        return {}


def _n(usage: dict[str, Any], *path: str) -> int:
    for name in path[:-1]:
        usage = usage.get(name) or {}
    return int(usage.get(path[-1]) or 0)


Split = tuple[int, int, int]
"""Input, output, cached."""


def _chat(usage: dict[str, Any]) -> Split:
    asked, said, total = _n(usage, "prompt_tokens"), _n(usage, "completion_tokens"), _n(usage, "total_tokens")
    thought = _n(usage, "completion_tokens_details", "reasoning_tokens")
    said += thought if total == asked + said + thought else 0
    cached = _n(usage, "prompt_tokens_details", "cached_tokens") or _n(usage, "prompt_cache_hit_tokens")
    return asked, said, cached


def _responses(usage: dict[str, Any]) -> Split:
    asked, said, total = _n(usage, "input_tokens"), _n(usage, "output_tokens"), _n(usage, "total_tokens")
    thought = _n(usage, "output_tokens_details", "reasoning_tokens")
    said += thought if total == asked + said + thought else 0
    return asked, said, _n(usage, "input_tokens_details", "cached_tokens")


def _anthropic(usage: dict[str, Any]) -> Split:
    cached = _n(usage, "cache_read_input_tokens")
    asked = _n(usage, "input_tokens") + cached + _n(usage, "cache_creation_input_tokens")
    return asked, _n(usage, "output_tokens"), cached


def _gemini(usage: dict[str, Any]) -> Split:
    asked = _n(usage, "promptTokenCount") + _n(usage, "toolUsePromptTokenCount")
    said = _n(usage, "candidatesTokenCount") + _n(usage, "thoughtsTokenCount")
    return asked, said, _n(usage, "cachedContentTokenCount")


RECORDED: dict[str, tuple[str, Callable[[dict[str, Any]], Split]]] = {
    "openai_chat": ("recordings", _chat),
    "openai_responses": ("responses", _responses),
    "anthropic": ("messages", _anthropic),
    "gemini": ("contents", _gemini),
}
