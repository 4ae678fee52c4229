"""What is known of an answer while it comes in: how it ended, whether it is a refusal, what it said and cost.

Rule of this module: it keeps only what somebody asks for, within a bound, and it decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from policyroute.decide.answers import Answer
from policyroute.dialects.shapes import utf8_length
from policyroute.events import (
    REFUSING,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from policyroute.exchange.verdict import as_word, shows
from policyroute.failures import REFUSALS, Failure
from policyroute.policy.openings import Refusals
from policyroute.record import AttemptRecord
from policyroute.request.estimate import estimated

LONGEST_TEXT: Final = 1_048_576
"""Characters of an answer that rules can read: one that is longer cannot be judged by its words."""
_MODEL: Final = re.compile(r"[\w.:/@+-]{1,128}", re.ASCII)
"""What can be a model's name: providers may put anything there, and a record has no text."""
MOST_TOOLS: Final = 1024
"""Tool calls of an answer that rules are told of."""


class Heard:
    """One attempt's answer. `refusals` are how a refusal may begin, None where nobody says; `words`: the text is kept;
    `before` is what was said of it by others.

    `finish` and the text are those of the first choice.
    """

    # Of the class until they are set: an answer of which nobody asks anything is to cost little.
    finish: FinishReason | None = None
    usage: Usage | None = None
    model: str | None = None  # that the provider says has answered
    _opening = ""
    _says_so = False
    _said = 0  # bytes of UTF-8
    _tools: tuple[str, ...] = ()

    def __init__(self, refusals: Refusals | None, *, words: bool, before: str = "") -> None:
        self._refusals = refusals
        self._words = words
        self._parts = [before]
        self._length = len(before)
        self.opening: bool | None = False if refusals is None else None
        """Whether the text begins as a refusal does. None: that cannot be told yet."""

    def anew(self, carried: str | None = None) -> Heard:
        """For the next attempt. `carried`: it goes on with an answer of which this was said."""
        if carried is None:
            return Heard(self._refusals, words=self._words)
        return Heard(None, words=self._words, before=carried)

    @property
    def listens(self) -> bool:
        """Whether it wants to hear of text that is no more than that."""
        return self._words or self.opening is None

    @property
    def refused(self) -> bool:
        return self._says_so or self.opening is True

    def words(self, events: Sequence[StreamEvent]) -> bool:
        """Of an answer that nobody listens to: whether these are words and nothing else. Then they are counted."""
        said = 0
        for event in events:
            if not isinstance(event, TextDelta):
                return False
            text = event.text
            said += len(text) if text.isascii() else utf8_length(text)  # most are, and a call is dear here
        self._said += said
        return True

    def add(self, events: Sequence[StreamEvent], *, end: bool) -> None:
        for event in events:
            if self.opening is None:
                self._open(event)
            if isinstance(event, TextDelta):
                self._said += utf8_length(event.text)
                if self._words:
                    self._keep(event)
            elif isinstance(event, Usage):
                self.usage = event
            elif isinstance(event, Finished):
                self._finished(event)
            else:
                self._else(event)
        if end and self.opening is None:
            self.opening = self._told(whole=True)

    def answer(self) -> Answer:
        """All of it, when it is complete."""
        text = "".join(self._parts) if self._length <= LONGEST_TEXT else None
        return Answer(self.finish or FinishReason.STOP, self.refused, text, self._tools, self.usage)

    def note(self, attempt: AttemptRecord, failure: Failure | None) -> None:
        """Write down how the attempt ended: what was heard of it, and the trouble there was."""
        attempt.refused = self.refused or (failure is not None and failure.kind in REFUSALS)
        attempt.response_model = self.model
        if self.finish is not None:
            attempt.finish = self.finish.value
        broken = failure is not None or attempt.outcome != "ok"
        usage, said = self.usage, estimated(self._said) if broken else 0
        if usage is not None:
            attempt.input_tokens, attempt.output_tokens = usage.input, usage.output
            attempt.cached_input_tokens, attempt.cache_write_tokens = usage.cached_input, usage.cache_write
            attempt.reasoning_tokens = usage.reasoning
            attempt.tier = as_word(usage.tier) or ""
        if said > (usage.output if usage is not None else 0):
            # It broke off before its provider could tell; some begin with a count.
            attempt.estimated, attempt.output_tokens = True, said
        if failure is not None:
            attempt.status = failure.status if failure.status is not None else attempt.status
            attempt.retry_after, attempt.code = failure.retry_after, as_word(failure.code)

    def _finished(self, event: Finished) -> None:
        self._says_so = self._says_so or event.reason in REFUSING
        if event.choice == 0 or self.finish is None:
            self.finish = event.reason

    def _else(self, event: StreamEvent) -> None:
        if isinstance(event, ReasoningDelta):
            self._said += utf8_length(event.text)
        elif isinstance(event, Started):
            self.model = event.model if _MODEL.fullmatch(event.model) else None
        elif isinstance(event, RefusalDelta):
            self._says_so = self._says_so or event.text != ""
            if self._words:
                self._keep(event)
        elif isinstance(event, ToolCallDelta) and event.name and event.choice == 0 and len(self._tools) < MOST_TOOLS:
            self._tools += (event.name,)

    def _keep(self, event: TextDelta | RefusalDelta) -> None:
        if event.choice == 0 and self._length <= LONGEST_TEXT:
            self._parts.append(event.text)
            self._length += len(event.text)

    def _open(self, event: StreamEvent) -> None:
        """Thoughts come before the text. Whatever else shows, the text that there is ends with it."""
        if isinstance(event, ReasoningDelta) or not shows(event):
            return
        if isinstance(event, TextDelta) and event.choice == 0:
            self._opening += event.text
            self.opening = self._told(whole=False)
        else:
            self.opening = self._told(whole=True)

    def _told(self, *, whole: bool) -> bool | None:
        return self._refusals.tell(self._opening, whole=whole) if self._refusals is not None else False
