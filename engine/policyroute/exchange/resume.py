"""What an attempt is told beyond the client's request: where the work stands that it takes over.

Rule of this module: it adds to the end of a conversation, or to what the system says, and takes nothing away; what it
adds is bounded, and is for the model alone: no client ever gets it back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policyroute.changes import Change, Changes
from policyroute.decide.decision import Candidate
from policyroute.decide.resolved import ResolvedResume
from policyroute.dialects.shapes import compact
from policyroute.dialects.turns import after_opening
from policyroute.divergence import Reaction, quoted, reacted
from policyroute.exchange.carrying import Way
from policyroute.exchange.commands import Attempt, Repair
from policyroute.request import ModelRequest
from policyroute.request.prompt import Prompt, Text, Turn
from policyroute.scrub.segment import GATEWAYS

MESSAGE: Final = """\
You take over work that {previous} began and could not finish ({cause}).
Task: {task}
Step: {step}
Progress: {progress}
Results of earlier steps, as data: {outputs}
What was written of this step so far, as data: {partial}
The answer has to fit this JSON Schema: {schema}
Continue from where it stopped. Do not begin anew, and do not do again what is done."""
"""What is said where no policy says it otherwise. A line of which nothing is known is left out."""

INSTRUCTION: Final = (
    "Your last message was cut off while it was being sent. Go on exactly where it stops: write only what follows, "
    "beginning with the very next character, a space or a line break if one belongs there. Repeat nothing of it, do "
    "not start over, and say nothing about this."
)
_REPAIR: Final = (
    "Your last message does not fit the JSON Schema that the answer has to fit. {complaint} Answer again: the whole of "
    "it, corrected, as JSON and nothing else."
)
_MOST_REPAIRED: Final = 65_536
"""Characters of an answer that is shown to its model again."""
_LEAST: Final = 16
"""Tokens that are left for the rest of an answer, however long its beginning was."""
_SOMEBODY: Final = "a previous model"
_PLACE: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Output:
    """What an earlier step of the same task gave."""

    step: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A request before this one that asked the same and was not answered to its end: why, who had it (a provider and
    its model), and what was written."""

    cause: str
    provider: str
    model: str
    partial: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of the work that a request is part of. `task` and `step` are as the client says or as they follow
    from its conversation, either may be empty; `schema` is the one that the answer has to fit."""

    task: str = ""
    step: str = ""
    outputs: tuple[Output, ...] = ()
    earlier: Earlier | None = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Addition:
    """What one attempt is told beyond the request."""

    attempt: Attempt
    terms: ResolvedResume
    work: Work | None = None
    reaction: Reaction | None = None

    @property
    def empty(self) -> bool:
        attempt = self.attempt
        if self.reaction is not None and (self.reaction.nudge or self.reaction.pruned):
            return False
        carried = attempt.carried is not None and attempt.carried.way is not Way.AFRESH
        return not (carried or attempt.repair is not None or self._tells)

    @property
    def _tells(self) -> bool:
        """Whether there is anything to say of work that is taken over."""
        work, attempt = self.work, self.attempt
        if work is None or not self.terms.enabled:
            return False
        if attempt.carried is not None and attempt.carried.way is Way.AFRESH:
            return False  # it is to say the same again
        if attempt.handover is not None and (attempt.number > 1 or work.task):
            return True  # nobody began a turn of a mere conversation whose first candidate rests
        return work.earlier is not None and work.earlier.partial != ""

    def said(self, request: ModelRequest) -> tuple[str, ...]:
        """What models said that is told with it."""
        repair, carried = self.attempt.repair, self.attempt.carried
        found = [repair.answer] if repair is not None else []
        if self.reaction is not None:
            found.append(quoted(request.prompt, self.reaction))
        if carried is not None:
            found.append(carried.text)
        if self._tells and self.work is not None:
            found += (output.text for output in self.work.outputs)
            found += [self.work.earlier.partial] if self.work.earlier is not None else []
        return tuple(found)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it makes of the conversation, for the record."""
        found = Changes()
        if self.reaction is not None and self.reaction.nudge:
            found.add("added", "messages.system", self.reaction.kind)
        if self.reaction is not None and self.reaction.pruned:
            found.add("dropped", "messages.call", str(len(self.reaction.pruned)))
        return found.all()

    def to(self, prompt: Prompt, *, whole: bool = True) -> Prompt:
        """The prompt with it. `whole`: nothing of the conversation is only referred to."""
        if self.reaction is not None:
            prompt = reacted(prompt, self.reaction if whole else self.reaction.nowhere())
        if self._tells and self.work is not None:
            prompt = _said(prompt, message(self.work, self.attempt, self.terms))
        carried, repair = self.attempt.carried, self.attempt.repair
        if carried is not None and carried.way is not Way.AFRESH:
            prompt = _gone_on(prompt, carried.text, carried.way, self.terms.instruction or INSTRUCTION)
            if prompt.max_tokens is not None:
                prompt = replace(prompt, max_tokens=max(_LEAST, prompt.max_tokens - carried.spent))
        return prompt if repair is None else _repaired(prompt, repair)


def message(work: Work, attempt: Attempt, terms: ResolvedResume) -> str:
    """At most `terms.max_bytes`, with a first line by which it is known again."""
    earlier = work.earlier
    share = terms.max_bytes // 4
    cause = attempt.handover.cause.value if attempt.handover is not None else earlier.cause if earlier else ""
    values = {
        "task": work.task,
        "step": work.step,
        "progress": progress(work.step),
        "previous": _previous(work, attempt),
        "cause": cause,
        "outputs": _outputs(work.outputs, share),
        "partial": _end(earlier.partial, share) if earlier is not None and attempt.carried is None else "",
        "schema": _beginning(compact(dict(work.schema)), share) if work.schema else "",
    }
    said = filled(terms.message or MESSAGE, values)
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return _beginning(f"{GATEWAYS}resume id={digest}]\n{said}", terms.max_bytes)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Without the lines of whose places none can be filled."""
    said: list[str] = []
    for line in template.splitlines():
        names = _PLACE.findall(line)
        if not names or any(values.get(name) for name in names):
            said.append(_PLACE.sub(lambda place: values.get(place[1], ""), line))
    return "\n".join(said)


def progress(step: str) -> str:
    """Of `2/3 Execute` it is `1 of 3 steps done`; empty where the step has no numbers."""
    number, slash, rest = step.partition("/")
    of = rest.split(maxsplit=1)[0] if rest.strip() else ""
    if not (slash and number.strip().isdecimal() and of.isdecimal()):
        return ""
    return f"{max(0, int(number) - 1)} of {int(of)} steps done"


def _previous(work: Work, attempt: Attempt) -> str:
    """By its name only within one account."""
    if attempt.handover is not None:
        before: Candidate = attempt.handover.candidate
        provider, model = before.provider.name, before.model
    elif work.earlier is not None:
        provider, model = work.earlier.provider, work.earlier.model
    else:
        return _SOMEBODY
    return model if provider == attempt.candidate.provider.name else _SOMEBODY


def _outputs(outputs: tuple[Output, ...], most: int) -> str:
    """The latest of them, as many as there is room for, in their order."""
    return "".join(reversed(list(_latest(outputs, most))))


def _latest(outputs: tuple[Output, ...], most: int) -> Iterator[str]:
    for output in reversed(outputs):
        said = f"\n- {output.step}: {output.text}"
        size = len(said.encode("utf-8", "surrogatepass"))
        if size > most:
            if most > len(output.step) + 8:
                yield _beginning(said, most)
            return
        most -= size
        yield said


def _beginning(said: str, most: int) -> str:
    data = said.encode("utf-8", "surrogatepass")
    return said if len(data) <= most else data[: most - 3].decode("utf-8", "ignore") + "…"


def _end(said: str, most: int) -> str:
    data = said.encode("utf-8", "surrogatepass")
    return said if len(data) <= most else "…" + data[3 - most :].decode("utf-8", "ignore")


def _said(prompt: Prompt, text: str) -> Prompt:
    """As the last of what the system says before anybody else does; once, however often it is asked for."""
    mark = text.partition("\n")[0]
    for turn in prompt.turns:
        if any(isinstance(part, Text) and part.text.startswith(mark) for part in turn.parts):
            return prompt
    return replace(prompt, turns=after_opening(prompt.turns, text))


def _gone_on(prompt: Prompt, text: str, way: Way, instruction: str) -> Prompt:
    """White space at the end of what is begun is refused by some: it is told by nobody, and taken out of what comes."""
    if way is Way.PREFILL:
        return replace(prompt, turns=(*prompt.turns, Turn("assistant", (Text(text.rstrip()),))))
    added = (Turn("assistant", (Text(text),)), Turn("user", (Text(instruction),)))
    return replace(prompt, turns=(*prompt.turns, *added))


def _repaired(prompt: Prompt, repair: Repair) -> Prompt:
    asked = Turn("user", (Text(_REPAIR.format(complaint=repair.complaint)),))
    shown = repair.answer.strip()
    if not shown or len(shown) > _MOST_REPAIRED:
        return replace(prompt, turns=(*prompt.turns, asked))
    return replace(prompt, turns=(*prompt.turns, Turn("assistant", (Text(repair.answer),)), asked))
