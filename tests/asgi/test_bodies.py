"""A request's body: read within its limits, and waited for within its time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.asgi import Call, http_scope
from tests.support.edge import JSON, Counting, chat

from policyroute.request import BadRequest
from policyroute_asgi import gateway, service
from policyroute_asgi.bodies import BodyLimits, ClientGone, read_json_body
from policyroute_asgi.load import LoadLimits, Places, Refused

pytestmark = pytest.mark.anyio

HEADERS = {b"content-type": b"application/json"}
SOON = BodyLimits(1000, pause=0.05, rate=1000)


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def at_once(messages: Iterable[dict[str, Any]]) -> Callable[[], Awaitable[Any]]:
    left = iter(messages)

    async def receive() -> Any:
        return next(left)

    return receive


def in_steps(messages: AsyncGenerator[dict[str, Any]]) -> Callable[[], Awaitable[Any]]:
    return partial(anext, messages)


async def slowly(messages: Iterable[dict[str, Any]], pause: float = 0) -> AsyncGenerator[dict[str, Any]]:
    for message in messages:
        await asyncio.sleep(pause)
        yield message
    await asyncio.Event().wait()


@pytest.fixture
def places() -> Places:
    return Places(LoadLimits(held_bytes=800))


async def test_a_body_is_the_same_however_it_comes(places: Places) -> None:
    whole, parts = [part(b"abcdef", more=False)], [part(b"abc"), part(b""), part(b"def", more=False)]
    for messages in (whole, parts):
        assert await read_json_body(at_once(messages), HEADERS, SOON, places) == b"abcdef"
        assert await read_json_body(in_steps(slowly(messages)), HEADERS, SOON, places) == b"abcdef"
    assert places.held == 0


@pytest.mark.parametrize("begun", [[], [part(b"{")], [part(b"{"), part(b"}")]], ids=["nothing", "one part", "two"])
async def test_a_body_that_stops_coming_is_not_waited_for(begun: list[dict[str, Any]], places: Places) -> None:
    with pytest.raises(BadRequest) as refused:
        await read_json_body(in_steps(slowly(begun)), HEADERS, SOON, places)
    assert (refused.value.status, refused.value.code) == (408, "body_timeout")
    assert places.held == 0


async def test_a_body_that_drips_is_not_waited_for(places: Places) -> None:
    drips = (part(b"x") for _ in range(1000))
    with pytest.raises(BadRequest, match="in time"):
        await read_json_body(in_steps(slowly(drips, 0.01)), HEADERS, SOON, places)


async def test_a_body_that_comes_at_its_pace_is_waited_for(places: Places) -> None:
    """Longer than a pause in all, with less than one between two parts."""
    parts = [part(b"x" * 60) for _ in range(12)]
    messages = in_steps(slowly([*parts, part(b"", more=False)], 0.05))
    assert len(await read_json_body(messages, HEADERS, BodyLimits(1000, pause=0.5, rate=1000), places)) == 720


async def test_a_body_that_is_too_long_is_not_read_to_its_end(places: Places) -> None:
    for messages in ([part(b"x" * 1001, more=False)], [part(b"x" * 600), part(b"x" * 401)]):
        with pytest.raises(BadRequest) as refused:
            await read_json_body(at_once(messages), HEADERS, SOON, places)
        assert refused.value.status == 413
    assert places.held == 0


async def test_bodies_that_are_coming_share_the_memory_there_is(places: Places) -> None:
    first = asyncio.ensure_future(
        read_json_body(in_steps(slowly([part(b"x" * 500), part(b"", more=False)], 0.01)), HEADERS, SOON, places)
    )
    while not places.held:  # noqa: ASYNC110 - it comes with the first part
        await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await read_json_body(at_once([part(b"x" * 301)]), HEADERS, SOON, places)
    assert refused.value.error.code == "overloaded"
    assert places.held == 500
    assert len(await first) == 500
    assert places.held == 0


async def test_a_client_that_leaves_is_not_waited_for(places: Places) -> None:
    for messages in ([{"type": "http.disconnect"}], [part(b"x"), {"type": "http.disconnect"}]):
        with pytest.raises(ClientGone):
            await read_json_body(at_once(messages), HEADERS, SOON, places)
        with pytest.raises(ClientGone):
            await read_json_body(in_steps(slowly(messages)), HEADERS, SOON, places)


async def test_whoever_waits_for_a_body_can_be_cancelled(places: Places) -> None:
    ended: list[str] = []

    async def receive() -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("receive")

    reading = asyncio.ensure_future(read_json_body(receive, HEADERS, BodyLimits(1000), places))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended == ["receive"]


async def test_the_client_is_told_in_its_own_dialect(
    policies: Path, upstream: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BodyLimits", partial(BodyLimits, pause=0.05))
    app = gateway(policies, log=None, transport=upstream)
    answer = await Call(app, http_scope("POST", "/v1/chat/completions", JSON), [part(chat("ok")[:10])]).finish()
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (408, "body_timeout")
    assert upstream.requests == []
    await app.aclose()
