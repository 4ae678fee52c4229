"""What is asked of a model, in no dialect's words: every dialect reads a chat request into a `Prompt`, and writes one.

Rule of this module: values. What only the dialect that was read has words for stands in `extra` (fields, by the names
they have there) or is an `Other` (a part or tool, as it came): written again in that dialect, left out of any other.
Text may come from a prompt, so that no value here shows itself in a `repr`. None is changed once it was made;
those that a request has many of are not frozen, which would make them three times as dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Extra = Mapping[str, Any]
"""Fields as they came, by their names in the dialect they came in."""

Role = Literal["system", "user", "assistant"]
MediaKind = Literal["image", "file", "audio", "video"]


@dataclass(slots=True, repr=False)
class Text:
    text: str
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Media:
    """Something to see, hear or read. One of `data` (base64), `url` and `file_id` says where it is: with the request,
    anywhere, or kept by an account. `mime` and `name` are empty where they are not said; `detail` is how closely to
    look (`low`, `high`, `auto`)."""

    kind: MediaKind
    mime: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    name: str = ""
    detail: str = ""
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Thought:
    """What a model thought. Its signature or ciphertext, which only its own provider takes back, is in `extra`."""

    text: str
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Refusal:
    """What a model said when it refused."""

    text: str
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Call:
    """A tool that the model called. `arguments` is JSON text; `id` is empty where the dialect has none."""

    id: str
    name: str
    arguments: str
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Other:
    """A part that only its own dialect has words for: `kind` is its name there, `raw` the part as it came."""

    kind: str
    raw: Any


@dataclass(slots=True, repr=False)
class Result:
    """What a call gave. `call_id` and `name` say which call's; either may be empty, as dialects differ in which they
    say. `content` are Text, Media and Other; `error`: the tool failed."""

    call_id: str
    content: tuple[Text | Media | Other, ...]
    error: bool = False
    name: str = ""
    extra: Extra | None = None


Part = Text | Media | Thought | Refusal | Call | Result | Other


@dataclass(slots=True, repr=False)
class Turn:
    """One message or item of a conversation, as it came: adjacent turns of one role are not joined.

    Results are parts of a user's turn, calls and thoughts of an assistant's. System text stands where it was said; what
    a dialect says outside of the conversation comes first.
    """

    role: Role
    parts: tuple[Part, ...]
    extra: Extra | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Function:
    """A tool of the client's. `parameters` is a JSON Schema, None where the dialect was told of none."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    extra: Extra | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether tools must be called: `auto`, `none`, `required`. `names`: none but these, all where it is empty."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Format:
    """The form of the answer: `text`, `json_object`, or `json_schema` with its schema."""

    type: Literal["text", "json_object", "json_schema"]
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    description: str = ""
    strict: bool | None = None
    extra: Extra | None = None


@dataclass(slots=True, repr=False)
class Prompt:
    """A chat request. `dialect` is the one it was read from; `extra` are the fields at its top. None is what was not
    said; numbers are as they were written. Model and `stream` are routing's: they are not here.

    `effort` is one of `none, minimal, low, medium, high, xhigh, max`; `thinking_tokens` how many tokens may go into
    thinking (0: none; -1: as the model likes). `n` is how many answers are wanted, `logprobs` how many alternatives (0:
    none but the token's own). `modalities` are those wanted of the answer, where that is said. `safety` is by category,
    in the words of the `transform` of that name. `cache`: set cache breakpoints where the vendor needs them.
    `spelled`: the names that fields go by, of those that a dialect has several for, where it is not the field's own.
    `echo`: thoughts are said again in the turns that they were thought in, where a dialect has a place for them.
    """

    dialect: str
    turns: tuple[Turn, ...]
    tools: tuple[Function | Other, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None
    format: Format | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: int | None = None
    n: int | None = None
    effort: str | None = None
    thinking_tokens: int | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    service_tier: str | None = None
    cache_key: str = ""
    safety: Mapping[str, str] = field(default_factory=dict[str, str])
    cache: bool = False
    echo: bool = False
    spelled: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Extra | None = None
