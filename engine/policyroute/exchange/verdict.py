"""Judging an answer before any of it was shown, and choosing which of several failures to tell.

Rule of this module: functions of values. An answer that is complete is delivered as the provider gave it, unless
`fallback.after` names what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from policyroute.decide.decision import Denial, Excluded
from policyroute.decide.denial import floor_of
from policyroute.events import (
    SEMANTIC,
    Broken,
    Finished,
    FinishReason,
    OtherContent,
    RefusalDelta,
    StreamEvent,
    ToolCallDelta,
)
from policyroute.failures import DOMAIN_DOWN, Failure, FailureKind

_ENDINGS = {
    FinishReason.CONTENT_FILTER: (FailureKind.CONTENT_FILTERED, "the provider's content filter withheld the answer"),
    FinishReason.REFUSAL: (FailureKind.REFUSED, "the model refused to answer"),
    FinishReason.LENGTH: (FailureKind.TRUNCATED, "the answer was cut at the token limit"),
}

OUTCOMES = frozenset(kind for kind, _ in _ENDINGS.values())
"""Failures that say what came of an answer, not that it broke off."""

_WORDLESS = (ToolCallDelta, OtherContent)

_OUR_TROUBLE = frozenset({FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_NOT_FOUND})
"""What only the operator can mend: told to the client only where nothing else went wrong."""

_LAST_WORD = frozenset({FailureKind.CONTENT_FILTERED, FailureKind.REFUSED, FailureKind.TIMEOUT_TOTAL})
"""Where one of these ends the exchange it is what happened, whatever failed before it."""

_WAITING_HELPS = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.OVERLOADED,
        FailureKind.UNAVAILABLE,
        FailureKind.TIMEOUT_CONNECT,
        FailureKind.TIMEOUT_TTFT,
        FailureKind.TIMEOUT_IDLE,
        FailureKind.STREAM_BROKEN,
        FailureKind.EMPTY,
    }
)

NOBODY_LEFT: Final = Failure(FailureKind.UNAVAILABLE, "no candidate may be asked any more")
NOT_FOR_ANY: Final = "not_for_any_provider"
UNREADABLE_LABELS: Final = "unreadable_labels"
_LONGEST_CODE: Final = 64

Floored = Callable[[], Excluded | None]
"""One that nothing but a quality floor keeps from being a candidate."""


def shows(event: StreamEvent) -> bool:
    """Whether this event gives the client something to see, and so commits the answer to its provider."""
    return isinstance(event, SEMANTIC) and (isinstance(event, _WORDLESS) or event.text != "")


class Seen:
    """What an answer of which nothing was given to the client has shown so far: anything (`shows`), anything but a
    refusal (`says`), or an end that says why there may be nothing (`excused`: filtered, refused, no tokens left)."""

    __slots__ = ("excused", "says", "shows")

    def __init__(self) -> None:
        self.shows = self.says = self.excused = False

    def add(self, events: Sequence[StreamEvent]) -> None:
        for event in events:
            if shows(event):
                self.shows = True
                self.says = self.says or not isinstance(event, RefusalDelta)
            elif isinstance(event, Finished) and event.reason in _ENDINGS:
                self.excused = True


def judge(
    events: Sequence[StreamEvent],
    after: Collection[FailureKind],
    seen: Seen,
    *,
    complete: bool,
    refused: bool = False,
) -> Failure | None:
    """What is wrong with an answer of which nothing was shown yet. None: show it, or go on reading. `events` are the
    latest of it, `seen` knows of all; `refused`: its text begins with a refusal."""
    for event in events:
        if isinstance(event, Broken):
            return event.failure
    ended = ending(events, after)
    if ended is not None:
        return ended
    if FailureKind.REFUSED in after and refused:
        return Failure(FailureKind.REFUSED, "the model's answer begins with a refusal")
    if FailureKind.REFUSED in after and seen.shows and not seen.says:
        return Failure(FailureKind.REFUSED, "the model refused to answer")
    if complete and not seen.shows and FailureKind.EMPTY in after and not seen.excused:
        return Failure(FailureKind.EMPTY, "the provider gave an answer without content")
    return None


def ending(events: Sequence[StreamEvent], after: Collection[FailureKind]) -> Failure | None:
    """What is wrong with an answer of which nothing was shown, by the reason that it ended for."""
    for event in events:
        if not isinstance(event, Finished):
            continue
        if event.reason is FinishReason.ERROR:
            return Failure(FailureKind.STREAM_BROKEN, "the provider ended the answer with an error")
        kind, message = _ENDINGS.get(event.reason, (None, ""))
        if kind is not None and kind in after:
            return Failure(kind, message)
    return None


def telling(failures: Sequence[tuple[Failure, float]], now: float) -> Failure:
    """The failure to tell the client of, out of all that happened (each with its time, in order).

    The first one: what came later is often only the fallback's own trouble. Exceptions: a verdict on the content and
    the end of all time speak for themselves, what only the operator can mend is told last, and that somebody was not
    asked, since a failure domain is down, where nobody was. `retry_after` is the soonest that any provider named.
    """
    last = failures[-1][0]
    if last.kind in _LAST_WORD:
        return last
    met = [failure for failure, _ in failures if failure.code != DOMAIN_DOWN] or [failures[0][0]]
    told = next((failure for failure in met if failure.kind not in _OUR_TROUBLE), met[0])
    if told.kind not in _WAITING_HELPS:
        return told
    ready = [at + failure.retry_after for failure, at in failures if failure.retry_after is not None]
    return replace(told, retry_after=max(0.0, min(ready) - now)) if ready else told


def under_floor(told: Failure, floored: Excluded | None) -> Failure:
    """The failure that is told, where all who are good enough have failed and others are not."""
    if floored is None:
        return told
    said = f"No model is left that meets {floor_of(floored)}"
    return replace(told, unmet=f"{said}: those that do failed ({told.kind}), the others are under it")


def nobody(reasons: Sequence[Excluded]) -> Denial:
    """Why nobody was asked, where what the request says may go to none of those who could answer it."""
    first = reasons[0]
    if all(reason.code == UNREADABLE_LABELS for reason in reasons):  # whoever wrote the prompt has to mend it
        return Denial(400, UNREADABLE_LABELS, f"The labels of the prompt cannot be read: {first.detail}.", first.rule)
    message = f"What this request says may not go to any provider that could answer it: {first.detail}."
    return Denial(403, NOT_FOR_ANY, message, first.rule)


def as_word(code: str | None) -> str | None:
    """The code if it is one: providers may put anything there, and a record has no text."""
    return code if code and len(code) <= _LONGEST_CODE and re.fullmatch(r"[\w.:-]+", code, re.ASCII) else None
