"""The line between a worker and its supervisor, and what is shared over it."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from policyroute_asgi.usage import Amounts
from policyroute_asgi.workers.channel import Channel
from policyroute_asgi.workers.messages import Serving
from policyroute_asgi.workers.sharing import PACE, WorkersUsage, total

pytestmark = pytest.mark.anyio


async def line() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return await Channel.over(one), await Channel.over(other)


async def test_messages_come_whole_and_in_order_however_large() -> None:
    one, other = await line()
    large = os.urandom(3_000_000)
    for message in (Serving(1), large, Serving(2)):
        one.send(message)
    assert [await other.receive(), await other.receive(), await other.receive()] == [Serving(1), large, Serving(2)]
    closing = asyncio.create_task(one.aclose())
    assert await other.receive() is None
    await closing
    one.send(Serving(3))  # nobody hears it, nobody minds
    await other.aclose()


async def test_a_message_that_was_cut_off_is_none() -> None:
    ours, theirs = socket.socketpair()
    channel = await Channel.over(ours)
    with theirs:
        theirs.sendall(b"\0\0\0\x09half")
    assert await channel.receive() is None
    await channel.aclose()


async def test_usage_is_told_where_it_changed_and_not_more_often_than_agreed() -> None:
    sent: list[tuple[float, Amounts]] = []
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def send(values: Amounts) -> None:
        sent.append((loop.time(), values))
        told.set()

    usage = WorkersUsage(send)
    for number in range(100):
        usage.publish({"team": (number, 2 * number)})
    await told.wait()
    told.clear()
    usage.publish({"team": (99, 198)})  # as before
    usage.publish({"team": (1, 2)})
    usage.publish({"team": (7, 7)})
    await told.wait()
    assert [values for _, values in sent] == [{"team": (99, 198)}, {"team": (7, 7)}]
    assert sent[1][0] - sent[0][0] >= PACE - 0.01


def test_what_several_use_is_added_up_number_by_number() -> None:
    assert total([]) == {}
    assert total([{"a": (1, 2), "b": (1,)}, {"a": (10, 20, 30)}]) == {"a": (11, 22, 30), "b": (1,)}
