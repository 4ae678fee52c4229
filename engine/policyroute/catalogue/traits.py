"""Traits: what a model at a vendor takes, in named capabilities and a few limits. Payloads are adapted by nothing else.

From the general to the particular, the later word counting: the dialect (`BY_DIALECT`), the vendor, what the data file
says of the model, the model's family (`families`), and the policy.
Rule of this module: a trait says what is *taken*, so that what is not known to be refused is sent as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from policyroute.catalogue.families import FAMILIES, VENDOR_ROWS, Row
from policyroute.catalogue.models import Model
from policyroute.request.efforts import EFFORTS

CallIds = Literal["any", "short", "word", "nine"]
"""Which call ids are taken: any; at most 40 characters; 1 to 64 of `[A-Za-z0-9_-]`; exactly 9 letters or digits."""

SchemaSubset = Literal["openai_strict", "anthropic", "gemini_json", "gemini_openapi", "plain"]
"""Which part of JSON Schema is taken: a vendor's own subset, or (`plain`) any as it is."""

Reasoning = Literal["none", "effort", "effort_or_budget", "budget", "level"]
"""The knob for thinking: none; an effort by name; either; a number of tokens; Gemini's `thinkingLevel`."""

MaxTokensName = Literal["any", "max_tokens", "max_completion_tokens"]
SeedName = Literal["any", "seed", "random_seed"]
OffName = Literal["any", "thinking"]
"""`any`: both are taken, or nobody knows: the client's stays."""

LATER: Final = ("batch", "flex")
"""Service tiers that answer when there is room: cheap, and nothing for whoever waits."""

MANY: Final = 1 << 20
"""A limit that nobody reaches."""


@dataclass(frozen=True, slots=True)
class Traits:
    """The booleans are capabilities by the names that `supports` of a target has for them, but for `adaptive`,
    `alternate`, `developer`, `user_last`, `reasoning_echo` and `signed_thoughts`, which are rules; these and everything
    else may be written under `takes`."""

    tools: bool = True
    """Tools may be declared at all."""
    tool_choice: bool = True
    """A call may be forced (`required`, or one tool by name)."""
    parallel_tools: bool = True
    """The flag against several calls at once is taken (`parallel_tool_calls`, `disable_parallel_tool_use`)."""
    json_object: bool = True
    json_schema: bool = True
    """An answer by a JSON Schema can be asked for."""
    tools_with_schema: bool = True
    """Tools and an answer by a schema may be asked for in one request (not of Gemini before 3)."""
    images: bool = True
    image_urls: bool = True
    """An image may be an http(s) address instead of its bytes."""
    files: bool = True
    audio: bool = True
    video: bool = True
    system: bool = True
    """There is a system role (not at o1-mini)."""
    mid_system: bool = True
    """System turns are taken in the middle of a conversation, not only before it."""
    developer: bool = True
    """Of `openai_chat` only: `developer` is known as another word for the system."""
    user_last: bool = False
    """A conversation that the assistant has the last word of is refused, unless an answer that is begun is taken."""
    prefill: bool = False
    """An answer that is begun in the last turn is continued. Nobody who is not known to is taken to."""
    reasoning: Reasoning = "effort"
    efforts: tuple[str, ...] = ("minimal", "low", "medium", "high")
    """Of `EFFORTS` those that are taken, in that order. `none` among them, whatever the knob: thinking can be off."""
    adaptive: bool = False
    """Whether to think at all is said apart from how hard, and may be left to the model (`adaptive`, -1 tokens)."""
    sampling: bool = True
    """temperature, top_p and top_k."""
    sampling_reasoning: bool = True
    """They are taken too while the model is asked to think (effort other than `none`)."""
    penalties: bool = True
    """presence_penalty, frequency_penalty and logit_bias."""
    seed: bool = True
    logprobs: bool = True
    n: bool = True
    """Several answers to one request."""
    alternate: bool = False
    """Roles must alternate, and a tool's result must be followed by the assistant (Mistral: `Unexpected role`)."""
    reasoning_echo: bool = False
    """What the model thought must come back with its calls (DeepSeek v4: `reasoning_content`)."""
    signed_thoughts: bool = False
    """A thought comes back as its model signed it, or not at all (Anthropic)."""
    temperature_max: float = 2.0
    stop_max: int = 4
    """How many stop sequences; 0: none is taken."""
    call_id: CallIds = "any"
    tool_name_max: int = 64
    schema: SchemaSubset = "plain"
    max_tokens_name: MaxTokensName = "any"
    """Of `openai_chat` only: many compatible servers know `max_tokens` alone, OpenAI's reasoning models refuse it."""
    seed_name: SeedName = "any"
    """Of `openai_chat` only."""
    off_name: OffName = "any"
    """Of `openai_chat` only: thinking is turned off by a field of its own (`thinking: {type: disabled}`), not by an
    effort of `none`."""
    max_tokens_needed: bool = False
    """A request must say how long the answer may be (Anthropic)."""
    service_tier: tuple[str, ...] = ()
    """The names of service tiers that are taken."""


_OPENAI: Final = Traits(call_id="short", service_tier=("auto", "default", "flex", "priority", "scale"))

BY_DIALECT: Final[Mapping[str, Traits]] = {
    "openai_chat": _OPENAI,
    "openai_responses": replace(
        _OPENAI,
        call_id="word",
        schema="openai_strict",
        stop_max=0,
        n=False,
        seed=False,
        penalties=False,
        audio=False,
        video=False,
    ),
    "anthropic": Traits(
        json_object=False,
        mid_system=False,
        penalties=False,
        seed=False,
        logprobs=False,
        n=False,
        audio=False,
        video=False,
        temperature_max=1.0,
        stop_max=MANY,
        max_tokens_needed=True,
        call_id="word",
        schema="anthropic",
        reasoning="budget",
        sampling_reasoning=False,
        efforts=("none", "low", "medium", "high"),
        service_tier=("auto", "standard_only"),
    ),
    "gemini": Traits(
        parallel_tools=False,
        mid_system=False,
        stop_max=5,
        tool_name_max=128,
        schema="gemini_json",
        reasoning="level",
        service_tier=("unspecified", "standard", "flex", "priority"),
    ),
}
"""What each dialect takes where nobody says more: a server that speaks it, whoever runs it."""

FREE: Final = Traits(stop_max=MANY, tool_name_max=MANY, temperature_max=MANY, efforts=EFFORTS, prefill=True)
"""What nobody has to be asked about. Of knobs and subsets there is none that takes all that the others do."""

NAMES: Final = frozenset(each.name for each in fields(Traits))

_SEEN: Final = ("tools", "json_schema", "images", "files", "audio", "video")
"""What a row of the data file denies by leaving it out."""

_ADDED: Final = ("mid_system", "prefill")
"""What it gives beyond the dialect by naming it."""


def traits(dialect: str, vendor: str, model: str, found: Model | None, declared: Mapping[str, Any]) -> Traits:
    """`vendor` is empty where nobody knows it, `found` is the data file's row. `declared` are traits by name, as the
    policy has them; `reasoning` may be a boolean there."""
    made = _with(BY_DIALECT[dialect], _said(VENDOR_ROWS, vendor, dialect, model))
    if found is not None and found.capabilities is not None:
        made = replace(made, **dict(_of_row(found.capabilities, made)))
    made = _with(made, _said(FAMILIES, vendor, dialect, model))
    return _with(made, _declared(made, declared))


def _with(made: Traits, said: Mapping[str, Any]) -> Traits:
    return replace(made, **said) if said else made


def _said(rows: Iterable[Row], vendor: str, dialect: str, model: str) -> Mapping[str, Any]:
    return {name: value for row in rows if row.holds(vendor, dialect, model) for name, value in row.traits.items()}


def _declared(made: Traits, declared: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(able := declared.get("reasoning"), bool):
        return declared
    knob = made.reasoning if made.reasoning != "none" else "effort"
    return {**declared, "reasoning": knob if able else "none"}


def _of_row(words: frozenset[str], before: Traits) -> Iterator[tuple[str, Any]]:
    """What a row leaves out or denies with a `-` is not taken. What dialect or vendor have no word for stays out,
    whatever a row says."""
    yield from ((name, name in words and getattr(before, name)) for name in _SEEN)
    yield from ((name, True) for name in _ADDED if name in words)
    yield from ((name, False) for word in words if word[:1] == "-" and (name := word[1:]) in NAMES)
    yield "efforts", tuple(_efforts(words, before.efforts))
    if "reasoning" not in words:
        yield "reasoning", "none"


def _efforts(words: frozenset[str], before: tuple[str, ...]) -> Iterator[str]:
    for name in EFFORTS:
        if f"+{name}" in words or (name in before and f"-{name}" not in words):
            yield name
