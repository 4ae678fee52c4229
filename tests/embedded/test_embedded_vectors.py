"""The embedded provider's embeddings over a real socket, asked by the `openai` SDK."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import orjson
import pytest
from openai.types import CreateEmbeddingResponse
from tests.support.asgi import call, serving

from policyroute import ModelRequest, Operation
from policyroute.dialects import DIALECTS
from policyroute.events import Broken, Finished
from policyroute.failures import FailureKind
from policyroute_asgi.embedded import ConnectionCut, EmbeddedProvider

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def sdk() -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(EmbeddedProvider()) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, timeout=10) as client,
    ):
        yield client


def vectors(answer: CreateEmbeddingResponse) -> list[list[float]]:
    assert [row.index for row in answer.data] == list(range(len(answer.data)))
    return [row.embedding for row in answer.data]


async def test_the_same_text_has_the_same_vector_of_length_one() -> None:
    async with sdk() as client:
        create = client.embeddings.create
        one, two = vectors(await create(model="vectors", input=["hello", "world"]))
        (again,) = vectors(await create(model="vectors", input="hello", encoding_format="float"))
        (other,) = vectors(await create(model="others", input="hello"))
        small = await create(model="vectors", input="hello", dimensions=3)
    assert one == pytest.approx(again, abs=1e-6)
    assert one != two
    assert one != other
    assert math.hypot(*one) == pytest.approx(1.0, abs=1e-6)
    assert [len(vector) for vector in (one, other, *vectors(small))] == [16, 16, 3]
    assert (small.model, small.usage.prompt_tokens, small.usage.total_tokens) == ("vectors", 2, 2)


async def test_tokens_are_as_good_as_texts() -> None:
    async with sdk() as client:
        (alone,) = vectors(await client.embeddings.create(model="vectors", input=[1, 2, 3]))
        batch = vectors(await client.embeddings.create(model="vectors", input=[[1, 2, 3], [4]]))
    assert (len(batch), batch[0]) == (2, alone)


@pytest.mark.parametrize(
    ("model", "raised"),
    [
        ("throttle", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("auth", openai.AuthenticationError),
        ("context-overflow", openai.BadRequestError),
        ("cut", openai.APIConnectionError),
    ],
)
async def test_errors(model: str, raised: type[Exception]) -> None:
    async with sdk() as client:
        with pytest.raises(raised):
            await client.embeddings.create(model=model, input="hello")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("ok", None),
        ("no-done", None),
        ("empty", FailureKind.EMPTY),
        ("broken-schema", FailureKind.STREAM_BROKEN),
        ("garbage", FailureKind.UNAVAILABLE),
        ("no-finish", FailureKind.UNAVAILABLE),
    ],
)
async def test_how_our_own_reader_takes_its_answers(model: str, expected: FailureKind | None) -> None:
    said: dict[str, Any] = {"model": model, "input": ["a", "b"]}
    request = ModelRequest.read("openai_chat", orjson.dumps(said), operation=Operation.EMBEDDINGS)
    asked = call(EmbeddedProvider(), "POST", "/v1/embeddings", request.body)
    try:
        answer = await asked.finish()
    except ConnectionCut:
        answer = asked.answer
    last = DIALECTS["openai_chat"].answer(answer.body, (), request)[-1]
    assert isinstance(last, Broken | Finished)
    assert (last.failure.kind if isinstance(last, Broken) else None) is expected
