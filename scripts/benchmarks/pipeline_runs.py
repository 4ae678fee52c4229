"""One run of the pipeline of `examples/pipeline`: by which strategy, against which mock, and what came of it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import httpx
import httpx2
import orjson
from examples.pipeline.agent import GOAL, POLICIES, STEPS, Done, Pipeline
from examples.pipeline.provider import TIERS, Provider, Trouble
from openai import APIError, AsyncOpenAI

from policyroute_asgi import Router
from policyroute_asgi.asgi_transport import asgi_transport
from policyroute_asgi.transport import provider_transport

SEED = 42
LATENCY = 20.0
"""Milliseconds of a provider's answer, times 0.8 to 1.2."""
SWAP_DELAY = 50.0
"""Milliseconds before another model is asked, as in the policies."""
FACTS: dict[str, Any] = {"id": "pipeline", "tenant": "bench"}

_SAID = re.compile(r"Step (\d) of 3")
_NEXT = frozenset({429, 503})


class Mock(Protocol):
    """Whoever answers as the models."""

    policies: Path

    def transport(self) -> httpx.AsyncBaseTransport | None:
        """The router's way to it, None for the usual one."""

    def direct(self) -> httpx2.AsyncBaseTransport: ...

    async def said(self) -> list[str]:
        """What each call was answered, in order; nothing where it was an error."""
        ...


class Ours:
    """The provider of the example, in this process."""

    def __init__(self, troubles: Mapping[str, Trouble]) -> None:
        self._provider = Provider(troubles)
        self.policies = POLICIES

    def transport(self) -> httpx.AsyncBaseTransport:
        return provider_transport(apps={"embedded": self._provider})

    def direct(self) -> httpx2.AsyncBaseTransport:
        made: httpx2.AsyncBaseTransport = asgi_transport(self._provider, httpx2)
        return made

    async def said(self) -> list[str]:
        return [call.text for call in self._provider.calls]


@dataclass(frozen=True, slots=True)
class Run:
    """`said` are the answers of all calls to models; `swaps` how often another model was asked, after `pause` ms."""

    done: Sequence[Done]
    said: Sequence[str]
    swaps: int
    pause: float = SWAP_DELAY

    @property
    def completed(self) -> bool:
        return len(self.done) == len(STEPS)

    @property
    def intact(self) -> int:
        return sum(done.step.fits(done.text) for done in self.done)

    @property
    def redone(self) -> int:
        """Answers to a step that a model had done before."""
        steps = Counter(found[1] for text in self.said if (found := _SAID.search(text)))
        return steps.total() - len(steps)

    def latency(self, seed: int) -> float:
        """Of all calls, in milliseconds: computed, and nobody waits for it."""
        drawn = random.Random(seed)
        return sum(LATENCY * drawn.uniform(0.8, 1.2) for _ in self.said)


class Forward(httpx2.AsyncBaseTransport):
    """Asks one model after the other with the same payload, but for the model's id. One that was busy is not asked
    again."""

    def __init__(self, way: httpx2.AsyncBaseTransport) -> None:
        self._way = way
        self._left = list(TIERS)
        self.swaps = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = orjson.loads(await request.aread())
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        while True:
            content = orjson.dumps({**body, "model": self._left[0]})
            response = await self._way.handle_async_request(
                httpx2.Request(request.method, request.url, headers=headers, content=content)
            )
            if response.status_code not in _NEXT or len(self._left) == 1:
                return response
            await response.aread()
            del self._left[0]
            self.swaps += 1

    async def aclose(self) -> None:
        await self._way.aclose()


async def forwarded(mock: Mock, task: str, pause: float) -> Run:
    forward = Forward(mock.direct())
    done = await through(httpx2.AsyncClient(transport=forward), task)
    return Run(done, await mock.said(), forward.swaps, pause)


async def routed(mock: Mock, task: str) -> Run:
    lines: list[bytes] = []
    async with Router(mock.policies, transport=mock.transport(), log=lines.append) as router:
        done = await through(router.httpx2_client(client=FACTS), task)
    return Run(done, await mock.said(), swaps(b"".join(lines)))


async def through(http: httpx2.AsyncClient, task: str, url: str = "http://models/v1", retries: int = 0) -> list[Done]:
    """The steps that were answered."""
    llm = AsyncOpenAI(base_url=url, api_key="unused", http_client=http, max_retries=retries)
    async with http, llm:
        pipeline = Pipeline(llm, task)
        try:
            await pipeline.run(GOAL)
        except APIError:
            assert len(pipeline.done) < len(STEPS)
    return pipeline.done


def swaps(log: bytes) -> int:
    """How often an attempt followed one at another model, by the gateway's log."""
    found = 0
    for line in log.splitlines():
        models = [attempt["model"] for attempt in orjson.loads(line).get("attempts", ())]
        found += sum(one != other for one, other in pairwise(models))
    return found


Strategy = Callable[[Mock, str], Awaitable[Run]]
NO_ROUTER, SWAPPED, ROUTED = "no router", "swap the id, forward", "Policyroute"
STRATEGIES: Mapping[str, Strategy] = {
    NO_ROUTER: lambda mock, task: forwarded(mock, task, 0.0),
    SWAPPED: lambda mock, task: forwarded(mock, task, SWAP_DELAY),
    ROUTED: routed,
}

Troubles = Mapping[str, Trouble]
_BUSY = Trouble(429)
SCENARIOS: Mapping[str, Troubles] = {
    "model_a throttles from step 1 on": {"model_a": _BUSY},
    "model_a and model_b throttle from step 1 on": {"model_a": _BUSY, "model_b": _BUSY},
    "model_a throttles from step 2 on": {"model_a": Trouble(429, from_call=2)},
}
"""The first is the published one."""


def troubles(scenario: Troubles, strategy: str) -> Troubles:
    """Without a router nobody but the first model serves the caller."""
    return {"model_b": Trouble(503), "model_c": Trouble(503), **scenario} if strategy == NO_ROUTER else scenario
