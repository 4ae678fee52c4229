"""Conversations that send two headers and nothing else, and who answered each of their turns.

Rule of this module: who answered is what the answer itself says, not what the gateway says of it.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from scripts.benchmarks import load
from scripts.simulations.lines import Line
from scripts.simulations.upstream import words

PROFILES: Final = ("CHAT", "AGENT", "BATCH", "SAVINGS")
LONG: Final = 24_000
"""Characters that some conversations begin with: more than the cheapest model takes."""
_COME_BACK: Final = 1.0
"""Seconds, as the gateway's `Retry-After` has it."""
_TRIES: Final = 20
_SERVED: Final = re.compile(r"served by ([\w-]+) at ([\w-]+)")
_DELTA: Final = re.compile(r'"content":"((?:[^"\\]|\\.)*)"')


class Turn(NamedTuple):
    """`stretch`: of the simulation, by number."""

    stretch: int
    model: str
    account: str


@dataclass(slots=True)
class Conversation:
    id: str
    profile: str
    stream: bool
    long: bool
    left: int
    turns: list[Turn] = field(default_factory=list[Turn])
    messages: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def asks(self, port: int) -> bytes:
        """Its next request."""
        said = words(12, f"{self.id} {self.left}")
        if self.long and not self.messages:
            said += " " + words(LONG // 7, self.id)
        self.messages.append({"role": "user", "content": said})
        body = orjson.dumps({"model": "auto", "stream": self.stream, "messages": self.messages})
        return load.request(port, body, {"X-Conversation-ID": self.id, "X-Router-Profile": self.profile})

    def hears(self, stretch: int, answer: str) -> bool:
        """Whether it was a whole answer."""
        self.left -= 1
        said = "".join(_DELTA.findall(answer))
        found = _SERVED.match(said)
        if found is None or (self.stream and "data: [DONE]" not in answer):
            return False
        self.messages.append({"role": "assistant", "content": said})
        self.turns.append(Turn(stretch, found[1], found[2]))
        return True


@dataclass
class Crowd:
    """All of them: at most `at_once` are under way, and each turn is one of theirs by chance."""

    conversations: Iterator[Conversation]
    at_once: int
    rng: random.Random
    open: list[Conversation] = field(default_factory=list[Conversation])
    over: list[Conversation] = field(default_factory=list[Conversation])
    failed: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """By profile, and status with code."""
    turned_away: Counter[str] = field(default_factory=Counter[str])

    async def talk(self, port: int, stretch: int, requests: int, lines: list[Line]) -> None:
        """So many requests, one at a time on each line."""
        left = iter(range(requests))
        async with asyncio.timeout(600), asyncio.TaskGroup() as group:
            for line in lines:
                group.create_task(self._slot(port, stretch, line, left))

    async def _slot(self, port: int, stretch: int, line: Line, left: Iterator[int]) -> None:
        for _ in left:
            one = self._drawn()
            if one is None:
                break
            asked = one.asks(port)
            try:
                status, answer = await self._answered(one, line, asked)
            except (OSError, asyncio.IncompleteReadError):
                status, answer = 0, b"cut off"
                line = await asyncio.open_connection("127.0.0.1", port)
            text = answer.decode()
            if not one.hears(stretch, text) or status != 200:
                code = re.search(r'"code":"(\w+)"', text)
                self.failed[one.profile, f"{status} {code[1] if code else text[:20]}"] += 1
            (self.open if one.left else self.over).append(one)
        line[1].close()

    async def _answered(self, one: Conversation, line: Line, asked: bytes) -> tuple[int, bytes]:
        """Whoever is turned away comes back when it was told to, as SDKs do."""
        reader, writer = line
        status, answer = 0, b""
        for _ in range(_TRIES):
            writer.write(asked)
            status, answer = await load.read_answer(reader)
            if status != 503 or b'"code":"overloaded"' not in answer:
                break
            self.turned_away[one.profile] += 1
            await asyncio.sleep(_COME_BACK)
        return status, answer

    def _drawn(self) -> Conversation | None:
        while len(self.open) < self.at_once and (one := next(self.conversations, None)) is not None:
            self.open.append(one)
        if not self.open:
            return None
        place = self.rng.randrange(len(self.open))
        self.open[place], self.open[-1] = self.open[-1], self.open[place]
        return self.open.pop()


def conversations(number: int, turns: int, rng: random.Random) -> Iterator[Conversation]:
    """Profiles in turn, a third of them streams, a tenth of the savers with much to read."""
    for count in range(number):
        profile = PROFILES[count % len(PROFILES)]
        stream = rng.random() < 1 / 3
        long = profile == "SAVINGS" and rng.random() < 0.1
        yield Conversation(f"c{count}", profile, stream, long, turns)
