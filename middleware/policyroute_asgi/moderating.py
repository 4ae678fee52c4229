"""What the app's own service says of texts that are about to be sent to a provider, or shown to the client.

Rule of this module: it fails closed. What the app did not let pass, in time, goes nowhere; and no text stands in a log.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import orjson

from policyroute.decide.decision import Candidate, Denial
from policyroute.events import StreamEvent, TextDelta
from policyroute.exhausted import Exhausted
from policyroute.redact.channels import Channel, told
from policyroute.redact.leaves import Place, Walk
from policyroute.request import Client, ModelRequest
from policyroute_asgi.beside import beside

logger = logging.getLogger("policyroute.edge")

TIMEOUT: Final = 2.0
UNAVAILABLE: Final = "moderation_unavailable"
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_LONGEST: Final = 1000

Direction = Literal["request", "answer"]
Answers = Literal["hold", "end", "off"]
"""How much of a streamed answer is shown before the verdict: nothing, or all but its end. `off`: nobody asks."""
_ANSWERS: Final = ("hold", "end", "off")


@dataclass(frozen=True, slots=True)
class Moderation:
    """What is asked about. `texts` are those of a request as it would be sent to `target` at `provider`, or of the
    whole answer that came from there, as the client would be shown it; JSON in them is without `\\u` escapes.
    `conversation` is its id, or empty."""

    direction: Direction
    texts: tuple[str, ...] = field(repr=False)
    client: Client
    target: str
    provider: str
    conversation: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The verdict that these texts go nowhere. `status` is 400 to 499, `code` a word of a-z, 0-9 and _ (`moderated` if
    not said), `message` (1 to 1000 characters) for the client. Raises ValueError."""

    message: str = "The moderation of this service does not let this pass."
    code: str | None = None
    status: int = 403

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 499:
            raise ValueError("a refusal has a status from 400 to 499")
        if self.code is not None and not _CODE.fullmatch(self.code):
            raise ValueError("a refusal's code is a word of a-z, 0-9 and _")
        if not 1 <= len(self.message) <= _LONGEST:
            raise ValueError(f"a refusal's message has 1 to {_LONGEST} characters")


Moderate = Callable[[Moderation], Awaitable[Refuse | None]]
"""The app's: None lets the texts pass."""


class Moderator:
    """Asks the app. `timeout` is seconds for each verdict; `count` is told of each, by direction and outcome.

    Raises TypeError and ValueError for what cannot be asked so.
    """

    def __init__(self, moderate: Moderate, timeout: float, answers: Answers, count: Callable[[str, str], None]) -> None:
        given: object = moderate
        if not callable(given):
            raise TypeError(f"moderate must be an async callable, not {type(given).__name__}")
        if not timeout > 0:
            raise ValueError("moderate_timeout must be more than 0 seconds")
        if answers not in _ANSWERS:
            raise ValueError(f"moderate_answers must be one of {', '.join(_ANSWERS)}")
        self.answers: Answers = answers
        self._moderate = moderate
        self._timeout = timeout
        self._count = count

    async def asked(self, asked: Moderation, decision_id: str) -> Denial | None:
        """Why the texts go nowhere; None where they may."""
        task = asyncio.create_task(self._verdict(asked), name="policyroute-moderate")
        task.add_done_callback(_heard)
        try:
            await asyncio.wait({task}, timeout=self._timeout)
        finally:
            task.cancel()  # one that does not end by that is not waited for
        outcome, denial = _outcome(task, decision_id)
        self._count(asked.direction, outcome)
        return denial

    async def _verdict(self, asked: Moderation) -> Any:
        return await self._moderate(asked)


class Moderated:
    """One request's. It is asked once about the same texts, whoever is to get them."""

    def __init__(self, moderator: Moderator, request: ModelRequest, client: Client, decision_id: str) -> None:
        self.answers = moderator.answers != "off"
        self._moderator = moderator
        self._request = request
        self._client = client
        self._decision_id = decision_id
        self._passed: set[bytes] = set()

    async def request(self, candidate: Candidate, body: bytes) -> Denial | None:
        """Of the body that is about to be sent to the candidate."""
        try:
            texts, mark = await beside(partial(_read, body), len(body))
        except Exhausted:
            return Denial(403, "moderated", "The request cannot be looked through for what it says.", None)
        if not texts or mark in self._passed:
            return None
        denial = await self._asked("request", texts, candidate)
        if denial is None:
            self._passed.add(mark)
        return denial

    async def answer(self, candidate: Candidate, said: Said) -> Denial | None:
        texts = said.texts
        return await self._asked("answer", texts, candidate) if texts else None

    async def _asked(self, direction: Direction, texts: tuple[str, ...], candidate: Candidate) -> Denial | None:
        request = self._request
        asked = Moderation(
            direction,
            texts,
            self._client,
            candidate.target,
            candidate.provider.name,
            request.conversation_id,
            request.id,
        )
        return await self._moderator.asked(asked, self._decision_id)


class Said:
    """The words of an answer, as they come. `before` is what others said of its text."""

    def __init__(self, before: str = "") -> None:
        self._parts: dict[Channel, list[str]] = {(TextDelta, 0, 0): [before]}

    def add(self, events: Sequence[StreamEvent]) -> None:
        for event in events:
            if (said := told(event)) is not None:
                channel, text = said
                self._parts.setdefault(channel, []).append(text)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple([_spelled(text) for parts in self._parts.values() if (text := "".join(parts))])


def texts_of(body: bytes) -> tuple[str, ...]:
    """What a model reads in a body, in its order. Names, ids and files are left out as far as they are one word. Raises
    Exhausted."""
    found: list[str] = []

    def leaf(text: str, place: Place) -> str:
        if " " in text or place not in _WORDS:
            found.append(_spelled(text))
        return text

    Walk(leaf, lambda _: None).done(orjson.loads(body))
    return tuple(found)


_WORDS: Final = frozenset({Place.NAME, Place.DATA})


def _spelled(text: str) -> str:
    """With its characters themselves where JSON in it has `\\u` and a number: nothing is to be hidden by spelling."""
    if "\\u" not in text:
        return text
    read = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read(body: bytes) -> tuple[tuple[str, ...], bytes]:
    """The texts, and what they are known again by. Raises Exhausted."""
    texts = texts_of(body)
    sha = hashlib.sha256()
    for text in texts:
        said = text.encode("utf-8", "surrogatepass")
        sha.update(b"%d:" % len(said) + said)
    return texts, sha.digest()


def _outcome(task: asyncio.Task[Any], decision_id: str) -> tuple[str, Denial | None]:
    if not task.done():
        logger.error("moderation took too long, decision %s", decision_id)
        return "timeout", _unavailable()
    error = None if task.cancelled() else task.exception()
    if error is not None or task.cancelled():
        kind = type(error).__name__ if error is not None else "CancelledError"
        logger.error("moderation failed, decision %s: %s%s", decision_id, kind, _place(error))
        return "error", _unavailable()
    verdict = task.result()
    if verdict is None:
        return "passed", None
    if isinstance(verdict, Refuse):
        return "refused", Denial(verdict.status, verdict.code or "moderated", verdict.message, None)
    logger.error("moderation failed, decision %s: its verdict is a %s", decision_id, type(verdict).__name__)
    return "error", _unavailable()


def _unavailable() -> Denial:
    return Denial(503, UNAVAILABLE, "What must be moderated cannot be moderated now.", None)


def _place(error: BaseException | None) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1] if error is not None and error.__traceback__ else None
    return f" at {place.filename}:{place.lineno}" if place is not None else ""


def _heard(task: asyncio.Task[Any]) -> None:
    """What is raised after the time is nobody's, and is not to be told with its text."""
    if not task.cancelled():
        task.exception()
