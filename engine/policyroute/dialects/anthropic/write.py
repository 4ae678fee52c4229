"""Anthropic Messages: a prompt as a body.

Rule of this module: a prompt that was read from this dialect is written as it was; of any other, every field the API
has no word for is left out, and said once. The conversation stands last, so that a longer one begins as a shorter.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.absent import ABSENT
from policyroute.changes import Change
from policyroute.dialects.anthropic import cache, foreign, knobs, tools
from policyroute.dialects.anthropic.parts import content
from policyroute.dialects.extras import joined
from policyroute.dialects.shapes import obj
from policyroute.dialects.translation import Written
from policyroute.request.prompt import Extra, Prompt, Turn

_LAST_RESORT: Final = 4096
"""The most tokens of an answer, which the API demands to be told, where nobody said."""
_HOTTEST: Final = 1.0
_TIERS: Final = {"auto": "auto", "default": "standard_only"}
_NOTHING: Final[tuple[Any, ...]] = (None, "", (), {})
_NEUTRAL: Final[dict[str, Any]] = {
    "seed": None,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": None,
    "n": 1,
    "verbosity": "medium",
    "modalities": ("text",),
    "cache_key": None,
    "safety": None,
    "metadata": None,
}
"""What the API has no words for, and what of it goes without saying."""


def write(prompt: Prompt, model: str, stream: bool, dialect: str) -> Written:
    own = prompt.dialect == dialect
    data: dict[str, Any] = {"model": model, **_sampled(prompt), **knobs.written(prompt, own=own)}
    changes = [*knobs.changes(prompt)]
    if stream or (own and "stream" not in (prompt.extra or {})):
        data["stream"] = stream
    if own:
        data = _with_rest({**data, **tools.own(prompt), **_own_conversation(prompt)}, prompt.extra)
    else:
        changes += [*_limited(data, prompt), *_dropped(prompt)]
        told, more = tools.foreign(prompt)
        said, most = foreign.conversation(prompt.turns)
        data = {**data, **told, **said}
        changes += [*more, *most]
    return Written(cache.marked(data) if prompt.cache else data, tuple(dict.fromkeys(changes)))


def _sampled(prompt: Prompt) -> dict[str, Any]:
    numbers = {name: getattr(prompt, name) for name in ("max_tokens", "temperature", "top_p", "top_k")}
    data = {name: value for name, value in numbers.items() if value is not None}
    if prompt.stop:
        data["stop_sequences"] = list(prompt.stop)
    if prompt.service_tier in _TIERS:
        data["service_tier"] = _TIERS[prompt.service_tier]
    return data


def _own_conversation(prompt: Prompt) -> dict[str, Any]:
    turns, data = prompt.turns, dict[str, Any]()
    if turns and turns[0].role == "system" and "system" not in (prompt.extra or {}):
        data["system"] = content(turns[0].parts)
        turns = turns[1:]
    data["messages"] = [_message(turn) for turn in turns]
    user = {"user_id": prompt.user} if prompt.user else {}
    if user or prompt.metadata:
        data["metadata"] = {**user, **prompt.metadata}
    return data


def _message(turn: Turn) -> dict[str, Any]:
    said: dict[str, Any] = {"role": turn.role}
    if "content" not in (turn.extra or {}):
        said["content"] = content(turn.parts)
    return joined(said, turn.extra)


def _with_rest(data: dict[str, Any], extra: Extra | None) -> dict[str, Any]:
    """What was left of an object goes back into it."""
    for name, value in (extra or {}).items():
        if value is ABSENT:
            continue
        said = data.get(name)
        data[name] = value if said is None else {**obj(value), **said} if isinstance(said, dict) else said
    return data


def _limited(data: dict[str, Any], prompt: Prompt) -> list[Change]:
    """What the API demands, and the little that it takes beside."""
    found: list[Change] = []
    if prompt.user:
        data["metadata"] = {"user_id": prompt.user}
    if data.get("temperature", 0) > _HOTTEST:
        data["temperature"] = _HOTTEST
        found.append(Change("clamped", "temperature", "1"))
    if prompt.max_tokens is None:
        data["max_tokens"] = _LAST_RESORT
        found.append(Change("added", "max_tokens", str(_LAST_RESORT)))
    room = knobs.budget(prompt) + data["max_tokens"]
    if knobs.budget(prompt) > 0 and data["max_tokens"] <= knobs.budget(prompt):
        data["max_tokens"] = room
        found.append(Change("rewritten", "max_tokens", str(room)))
    return found


def _dropped(prompt: Prompt) -> list[Change]:
    unsaid = [name for name, neutral in _NEUTRAL.items() if getattr(prompt, name) not in (*_NOTHING, neutral)]
    if prompt.service_tier is not None and prompt.service_tier not in _TIERS:
        unsaid.append("service_tier")
    return [Change("dropped", name) for name in unsaid]
