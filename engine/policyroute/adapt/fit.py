"""From a prompt to the body that a target takes: all steps of the adaptation, in their order, and then the dialect.

Rule of this module: each step is a function of the prompt and of what the target takes; where it has nothing to change
it gives back the very prompt it got.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from policyroute.adapt import answer_format, echo, parameters, roles, signed, tools, turns
from policyroute.adapt.room import Room, limited
from policyroute.adapt.trim import trimmed
from policyroute.catalogue import Traits
from policyroute.changes import Change, Changes
from policyroute.dialects import Dialect
from policyroute.dialects.amendments import NOTHING, Amendments
from policyroute.dialects.turns import unsaid
from policyroute.request.prompt import Prompt

_HINTS: Final = frozenset(
    """user metadata cache_key service_tier parallel_tool_calls parallel verbosity store include stream_options
    safety_identifier prompt_cache_retention prompt_cache_options cache_control truncation max_tool_calls usage
    prediction reasoning reasoning_format generationConfig.thinkingConfig.includeThoughts
    generationConfig.thinkingConfig.include_thoughts generationConfig.mediaResolution
    messages messages.id messages.status messages.phase messages.detail messages.cache_control messages.annotations
    messages.thought messages.redacted_thinking messages.reasoning messages.reasoning_content messages.reasoning_details
    messages.result.error tools.cache_control tools.strict response_format.description""".split()
)
"""What is left out without the client getting anything else than it asked for: what only saves time or money, how
thoughts are told, and what stands in an answer only for the provider that gave it, once that is sent back."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """`data` is None where the client's own body will do; `ours` is what is left to us to do about the answer."""

    data: dict[str, Any] | None
    changes: tuple[Change, ...] = ()
    ours: Amendments = NOTHING


def fit(  # noqa: PLR0913 - one name for each thing that a body depends on
    prompt: Prompt, dialect: Dialect, model: str, traits: Traits, room: Room, *, stream: bool, interactive: bool
) -> Fitted:
    """The body for `model` in this dialect. `interactive`: somebody waits for the answer, so that it is not put off."""
    changes = Changes()
    foreign = prompt.dialect != dialect.name
    found = trimmed(prompt, room, changes)
    found, names = tools.fitted(found, traits, changes)
    found = answer_format.fitted(found, traits, changes, foreign=foreign)
    found = roles.fitted(found, traits, changes, foreign=foreign)  # what asks for JSON in words is system text too
    found = turns.fitted(found, traits, changes, foreign=foreign)
    found = parameters.fitted(found, traits, changes, interactive=interactive)
    if not foreign:
        found = parameters.left(found, traits, dialect.beside, changes)
    found = echo.fitted(found, traits, changes, foreign=foreign)
    found = signed.fitted(found, traits, changes, foreign=foreign)
    found, stop = parameters.stopped(found, traits, changes)
    found = limited(found, traits, room, changes)
    found = parameters.spelled(found, traits, changes, foreign=foreign)
    if not foreign:
        if found is prompt and not (prompt.cache or prompt.safety):
            return Fitted(None)
        return Fitted(dialect.write(found, model, stream).data, changes.all(), Amendments(stop, names))
    written = dialect.write(found, model, stream)
    every = (*unsaid(prompt), *changes.all(), *written.changes)
    return Fitted(written.data, tuple(dict.fromkeys(every)), Amendments(stop, names))


def asked_for(changes: Iterable[Change]) -> list[str]:
    """Of these, what the client asked for and will not get, or not for certain: names, each once."""
    lost = (change.field for change in changes if change.action in ("dropped", "emulated"))
    return list(dict.fromkeys(name for name in lost if name not in _HINTS and not _is_of_a_part(name)))


def _is_of_a_part(name: str) -> bool:
    """A field of a part that was carried (`messages.text.annotations`)."""
    return name.startswith("messages.") and name.count(".") > 1
