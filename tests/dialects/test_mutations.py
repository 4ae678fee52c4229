"""Requests and answers with something wrong in them: refused by their path, or read, adapted and told; never a
traceback, and never JSON that the dialect it is in would not take."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.mutated import mutated

from policyroute import BadRequest, ModelRequest
from policyroute.adapt import Room, fit
from policyroute.catalogue import Traits, traits
from policyroute.dialects import DIALECTS, Dialect
from policyroute.dialects.shapes import dumps, items, obj
from policyroute.dialects.translation import Frame
from policyroute.events import Broken

EXAMPLES = Path(__file__).parents[2] / "docs" / "translation"
MODELS = {
    "openai_chat": (("", "m"), ("openai", "gpt-5.5"), ("mistral", "mistral-small-latest"), ("deepseek", "deepseek-v4")),
    "openai_responses": (("", "m"), ("openai", "o3")),
    "anthropic": (("", "m"), ("anthropic", "claude-sonnet-5"), ("anthropic", "claude-3-haiku-20240307")),
    "gemini": (("", "m"), ("gemini", "gemini-3-pro"), ("gemini", "gemini-2.0-flash")),
}
MANY = int(os.environ.get("POLICYROUTE_MUTATIONS", "250"))
"""How many of each dialect's are tried."""
PATH = "/v1beta/models/m:generateContent"
FACTS = """messages system last_user tools tool_choice response_format max_tokens temperature params modalities metadata
    kept input_tokens""".split()
"""What rules may ask of any request that was not refused."""
ROOMS = (Room(), Room(window=700, max_output=100, prompt=600, trim=True))


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_bytes())


def read(dialect: str, value: Any) -> ModelRequest | None:
    """None where it was refused, and then by the name of a field that is there, or is missing from what is there."""
    try:
        return ModelRequest.read(dialect, json.dumps(value).encode(), path=PATH)
    except BadRequest as error:
        assert 400 <= error.status < 500
        assert error.param is None or is_place(value, error.param), error
        return None


def is_place(value: Any, path: str) -> bool:
    """But for its last step, which may be what is missing."""
    for step in re.findall(r"[^.\[\]]+", path)[:-1]:
        inner = obj(value).get(step) if isinstance(value, dict) else dict(enumerate(items(value))).get(int(step))
        if inner is None:
            return False
        value = inner
    return isinstance(value, dict | list)


def takers(name: str) -> list[tuple[str, Traits]]:
    return [(model, traits(name, vendor, model, None, {})) for vendor, model in MODELS[name]]


@pytest.mark.parametrize("client", DIALECTS)
def test_requests(client: str) -> None:
    dice = random.Random(f"{client} {MANY}")
    whole = example(client)
    passed = 0
    for _ in range(MANY):
        value = mutated(whole, dice, dice.choice((1, 1, 2, 4)))
        request = read(client, value)
        if request is None:
            continue
        passed += 1
        for name in FACTS:
            getattr(request, name)
        dialect = dice.choice(list(DIALECTS.values()))
        model, taker = dice.choice(takers(dialect.name))
        told = fit(request.prompt, dialect, model, taker, dice.choice(ROOMS), stream=False, interactive=True)
        if told.data is not None and dialect.name != client and not dialect.asks_nothing(told.data):
            again = json.loads(dumps(told.data))
            assert ModelRequest.read(dialect.name, json.dumps(again).encode(), path=PATH), value
        for concern in dialect.concerns.values() if dialect.name == client else ():
            concern(request.data, taker)
    assert passed > MANY // 4


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_arguments_with_numbers_that_json_cannot_say_stay_text(number: str, provider: str) -> None:
    """These dialects take arguments as JSON; `null` is not what the model had said."""
    said = f'{{"at": {number}}}'
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": said}}
    messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
    ]
    request = read("openai_chat", {"model": "m", "messages": messages})
    assert request is not None
    model, taker = takers(provider)[0]
    told = fit(request.prompt, DIALECTS[provider], model, taker, ROOMS[0], stream=False, interactive=True)
    assert dumps({"input": said}) in dumps(told.data)


def sse(dialect: Dialect, answer: bytes) -> list[Any]:
    """The events of an answer, as this dialect streams it."""
    frame = Frame("id", "m", 1, ModelRequest.read(dialect.name, json.dumps(example(dialect.name)).encode(), path=PATH))
    writer = dialect.writer(frame)
    raw = writer.write(dialect.answer(answer)) + writer.end()
    return [json.loads(line[6:]) for line in raw.decode().split("\n") if line.startswith("data: {")]


@pytest.mark.parametrize("provider", DIALECTS)
def test_answers(provider: str) -> None:
    dice = random.Random(f"{provider} {MANY}")
    spoken = DIALECTS[provider]
    whole = example(f"{provider}.answer")
    streamed = sse(spoken, json.dumps(whole).encode())
    for number in range(MANY):
        client = dice.choice([each for each in DIALECTS.values() if each.name != provider])
        asked = ModelRequest.read(client.name, json.dumps(example(client.name)).encode(), path=PATH)
        frame = Frame("id", "m", 1, asked)
        times = dice.choice((1, 1, 2, 4))
        if number % 2:
            events = spoken.answer(json.dumps(mutated(whole, dice, times)).encode())
            body, _ = client.whole(events, frame)
            json.loads(body)
        else:
            events = stream(spoken, mutated(streamed, dice, times))
        if isinstance(events[-1], Broken):
            continue
        writer, reader = client.writer(frame), client.stream()
        told = writer.write(events) + writer.end()
        reader.feed(told)
        reader.end()
        assert reader.malformed == 0


def stream(dialect: Dialect, said: list[Any]) -> list[Any]:
    reader = dialect.stream()
    events: list[Any] = []
    for value in said:
        kind = obj(value).get("type")
        name = f"event: {kind}\n" if isinstance(kind, str) and kind.isprintable() else ""
        events += reader.feed(f"{name}data: {json.dumps(value)}\n\n".encode())[0]
        if events and isinstance(events[-1], Broken):
            return events
    return events + reader.end()
