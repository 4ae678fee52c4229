"""A load generator that costs little: raw HTTP/1.1 over keep-alive connections, a fixed number of requests, bounded."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Outcome:
    ok: int
    failed: int


def body(model: str, *, stream: bool, user: str = "burst", size: int = 4500) -> bytes:
    """A chat request of about `size` bytes."""
    filler = "Policies decide which provider sees which request. " * (size // 51)
    messages = [
        {"role": "system", "content": "You are a careful assistant."},
        {"role": "user", "content": "x"},
    ]
    data = {"model": model, "user": user, "stream": stream, "temperature": 0.2, "messages": messages}
    room = max(0, size - len(orjson.dumps(data)))
    messages[1]["content"] = filler[:room]
    return orjson.dumps(data)


def request(
    port: int, content: bytes, headers: dict[str, str] | None = None, path: str = "/v1/chat/completions"
) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n{extra}\r\n"
    )
    return head.encode() + content


async def get(port: int, path: str, headers: dict[str, str] | None = None) -> bytes:
    """The page at `path`, over a connection of its own."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{extra}\r\n".encode())
    _, page = await read_answer(reader)
    writer.close()
    return page


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one answer."""
    head, content = await read_whole(reader)
    return int(head[9:12]), content


async def read_whole(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head, in lower case, and body of one answer, chunked or with a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        parts: list[bytes] = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        return head, b"".join(parts)
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def run(  # noqa: PLR0913 - a load has these sides
    port: int,
    content: bytes,
    *,
    total: int,
    in_flight: int = 16,
    rate: float | None = None,
    key: str | None = None,
    path: str = "/v1/chat/completions",
    mark: bytes = b"chat.completion",
    profile: str = "",
    conversing: bool = False,
) -> Outcome:
    """Sends `total` requests, `in_flight` at a time; an answer counts as failed unless it is a whole 200
    with `mark` in it.

    `rate`: no more requests a second than this; otherwise each is sent as soon as the one before it is answered.
    `key` goes with each, and so does the `profile`. `conversing`: those of one connection are one conversation.
    """
    left = total
    ok = failed = 0
    headers = {"Authorization": f"Bearer {key}"} if key else dict[str, str]()
    if profile:
        headers["X-Router-Profile"] = profile

    async def worker(number: int) -> None:
        nonlocal left, ok, failed
        conversation = {"X-Conversation-ID": f"c{number}"} if conversing else dict[str, str]()
        message = request(port, content, headers | conversation, path)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.perf_counter()
        while left > 0:
            left -= 1
            if rate is not None:
                due += in_flight / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(message)
            status, answer = await read_answer(reader)
            if status == 200 and mark in answer:
                ok += 1
            else:
                failed += 1
        writer.close()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(in_flight):
            group.create_task(worker(number))
    return Outcome(ok, failed)
