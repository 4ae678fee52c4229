"""A conversation as it is remembered, and what one more request adds to it.

Rule of this module: values, and no content. What requests add is added one after the other, by whoever keeps it, in any
order: of several that would pin a conversation, or move it, at once, the first one does, and all see the same pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from policyroute.sessions.settings import DEFAULT_SETTINGS, Settings

K = TypeVar("K")
V = TypeVar("V")

Place = tuple[str, str]
"""A target at one of its providers, by name."""

WARM_FOR: Final = 300.0
"""Seconds that a provider's prompt cache keeps what it was sent. Anthropic keeps it for five minutes after its last use
unless it is paid for more, OpenAI for five to ten: docs/sessions.md says where they say so."""

_FORMAT: Final = 1
_MOST_TASKS: Final = 8
"""Tasks of which it is remembered how far they came."""
_MOST_WARM: Final = 8
"""Places of which it is remembered what their prompt caches may hold."""


DIVERGENCE: Final = "divergence"
"""Why a pin was moved from where the conversation went round in circles: it does not go back there."""


class Pin(NamedTuple):
    """Where a conversation stays. `generation` counts how often it was moved; `why` is what it was moved for: a kind of
    failure, or the code of what ruled the place before out; empty where it was not."""

    target: str
    provider: str
    generation: int = 0
    why: str = ""

    @property
    def place(self) -> Place:
        return self.target, self.provider


class Warm(NamedTuple):
    """What a place was last sent of a conversation: when (seconds since 1970), and about how many tokens."""

    at: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Session:
    """`turns` are the requests so far. `began` and `last` are seconds since 1970. `home` is where it was first pinned,
    or last after circles, `served` who answered last. `divergence` counts what was done because it went round in
    circles, and `mark` tells for what last. `furthest` is the furthest step that was asked for, by task."""

    profile: str
    settings: Settings = DEFAULT_SETTINGS
    began: float = 0.0
    last: float = 0.0
    turns: int = 0
    pin: Pin | None = None
    home: Place | None = None
    served: Place | None = None
    divergence: int = 0
    mark: str = ""
    warm: Mapping[Place, Warm] = field(default_factory=dict[Place, Warm])
    furthest: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def switches(self) -> int:
        """How often its pin was moved."""
        return self.pin.generation if self.pin is not None else 0

    def warm_tokens(self, place: Place, now: float) -> int:
        """About how many tokens of it the prompt cache of that place holds; none once they are too old."""
        sent = self.warm.get(place)
        return sent.tokens if sent is not None and now - sent.at <= WARM_FOR else 0

    @property
    def target(self) -> str:
        """Whose it is: the one it is pinned to, else the one that answered last; empty before."""
        if self.pin is not None:
            return self.pin.target
        return self.served[0] if self.served is not None else ""


class Turn(NamedTuple):
    """What one request leaves. `served`: who answered, None where nobody did. `tokens`: of its prompt, about. `base`:
    the generation of the pin that it began with, -1 where there was none. `left`: why another than that answered.
    `divergence` and `mark` are those of what was done about it. `step`: the task, and the step of it."""

    at: float
    profile: str
    settings: Settings = DEFAULT_SETTINGS
    served: Place | None = None
    tokens: int = 0
    base: int = -1
    left: str = ""
    divergence: int = 0
    mark: str = ""
    step: tuple[str, int] | None = None


def added(session: Session | None, turn: Turn) -> Session:
    """The conversation with one more request: the first one where there is none."""
    if session is None:
        session = Session(turn.profile, turn.settings, began=turn.at)
    pin, home = session.pin, session.home
    warm, furthest = session.warm, session.furthest
    if turn.served is not None:
        if session.settings.pin:
            before, pin = pin, _pinned(pin, turn.served, turn)
            circled = pin is not before and turn.left == DIVERGENCE
            home = pin.place if home is None or circled else home
        warm = _latest(warm, turn.served, Warm(turn.at, turn.tokens), _MOST_WARM)
    if turn.step is not None:
        task, step = turn.step
        furthest = _latest(furthest, task, max(step, furthest.get(task, 0)), _MOST_TASKS)
    return replace(
        session,
        last=max(session.last, turn.at),
        turns=session.turns + 1,
        pin=pin,
        home=home,
        served=turn.served or session.served,
        divergence=max(session.divergence, turn.divergence),
        mark=turn.mark if turn.divergence > session.divergence else session.mark,
        warm=warm,
        furthest=furthest,
    )


def next_turn(session: Session | None) -> int:
    """Which of the conversation's requests comes next, from 1."""
    return session.turns + 1 if session is not None else 1


def _latest(known: Mapping[K, V], key: K, value: V, most: int) -> dict[K, V]:
    """What is known with this, and so many of it, the last ones."""
    found = {**{each: it for each, it in known.items() if each != key}, key: value}
    return dict(list(found.items())[-most:])


def _pinned(pin: Pin | None, served: Place, turn: Turn) -> Pin:
    """A request that began before the pin was moved does not move it again."""
    if pin is None:
        return Pin(*served)
    if served == pin.place or turn.base != pin.generation:
        return pin
    return Pin(*served, pin.generation + 1, turn.left)


def written(session: Session) -> bytes:
    settings = session.settings
    row: list[Any] = [
        _FORMAT,
        session.profile,
        [settings.pin, settings.max_wait, settings.back, settings.ttl],
        session.began,
        session.last,
        session.turns,
        list(session.pin) if session.pin is not None else None,
        session.home,
        session.served,
        session.divergence,
        session.mark,
        [[*place, *it] for place, it in session.warm.items()],
        session.furthest,
    ]
    return orjson.dumps(row)


def rewritten(turn: Turn, row: bytes | None) -> bytes:
    """What is kept, with one more request."""
    return written(added(read(row), turn))


def read(row: bytes | None) -> Session | None:
    """None where nothing was kept, or where it makes no sense: another release may have written it."""
    try:
        row_: list[Any] = orjson.loads(row or b"")
        format_, profile, settings, began, last, turns, pin, home, served, divergence, mark, warm, furthest = row_
        if format_ != _FORMAT:
            return None
        return Session(
            profile,
            Settings(*settings),
            began,
            last,
            turns,
            Pin(*pin) if pin is not None else None,
            _place(home),
            _place(served),
            divergence,
            mark,
            {(target, provider): Warm(at, tokens) for target, provider, at, tokens in warm},
            furthest,
        )
    except (ValueError, TypeError):
        return None


def _place(row: list[str] | None) -> Place | None:
    return (row[0], row[1]) if row is not None else None
