"""A client's request, in no provider's words.

`ModelRequest` keeps the original bytes for lossless passthrough and reads everything else lazily through the dialect it
came in. Rule of this module: a request never changes; adaptation makes new bytes, never a new truth. Texts stay out of
every `repr` of a request and its parts' holders: log lines show names and numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NoReturn, Protocol, cast
from urllib.parse import parse_qsl

import orjson

from policyroute.absent import Absent

MAX_DEPTH: Final = 64
"""How deep arrays and objects of a request may nest. Deeper ones are refused before anything walks them."""

PROFILES: Final = ("CHAT", "AGENT", "BATCH", "SAVINGS")
"""The profiles a client may name in `X-Router-Profile`; the first is what no header means."""

CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"}
)
"""Headers that identify the caller to us. They never become facts, so no rule, record or provider can see them."""

_MAX_ID = 256


class BadRequest(Exception):
    """A client's mistake, told to the client in its own dialect.

    `code` is a stable snake_case slug, `status` the HTTP status, `param` the field at fault (`messages[2].role`).
    """

    def __init__(self, code: str, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.param = param


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls. `role` is `user` or `operator`; `address` the peer's IP address or empty."""

    id: str = "local"
    tenant: str = "local"
    team: str = ""
    tier: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    role: str = "user"
    address: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` is all its text parts joined by newlines; `role` is system, user, assistant or tool."""

    role: str
    text: str = field(repr=False)
    tool_calls: tuple[ToolCall, ...] = ()
    has_image: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`type` is `text`, `json_object` or `json_schema`; `schema` is the JSON Schema, or empty."""

    type: str
    schema: Mapping[str, Any] = field(repr=False)


class RequestReader(Protocol):
    """How a dialect reads the fields of its parsed body. `check` comes first, so the others need not doubt types."""

    def check(self, data: dict[str, Any]) -> None:
        """Refuse what no provider could serve. Raises BadRequest."""
        ...

    def model(self, data: dict[str, Any], path: str) -> str: ...
    def stream(self, data: dict[str, Any], path: str) -> bool: ...
    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]: ...
    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]: ...
    def tool_choice(self, data: dict[str, Any]) -> str | Absent: ...
    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent: ...
    def max_tokens(self, data: dict[str, Any]) -> int | Absent: ...
    def temperature(self, data: dict[str, Any]) -> float | Absent: ...
    def params(self, data: dict[str, Any]) -> dict[str, Any]: ...
    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]: ...
    def metadata(self, data: dict[str, Any]) -> dict[str, str]: ...
    def prompt_bytes(self, data: dict[str, Any]) -> int:
        """UTF-8 bytes of everything a tokenizer would see: texts, tool calls, tool definitions, schema."""
        ...


_readers: dict[str, RequestReader] = {}


def register(dialect: str, reader: RequestReader) -> None:
    """Teach `ModelRequest.read` a dialect. `policyroute.dialects` does this for those it ships."""
    _readers[dialect] = reader


class ModelRequest:
    """One LLM request. Cheap facts are attributes; the rest is read from `data` when first asked for, and kept.

    `time` is when it was received, epoch seconds. `headers` (names lower-cased, repeats joined by `, `) and `query`
    hold no credentials. `size` is the body's length in bytes.
    """

    def __init__(self, *, reader: RequestReader, **facts: Any) -> None:
        """For `read` only: `facts` are the attributes below."""
        self.__dict__.update(facts, _reader=reader)

    id: str
    time: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    dialect: str
    model: str
    profile: str
    stream: bool
    conversation_id: str
    size: int
    body: bytes
    data: dict[str, Any]
    _reader: RequestReader

    @classmethod
    def read(  # noqa: PLR0913 - the public call: one name for each thing a transport knows
        cls,
        dialect: str,
        body: bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        path: str = "",
        *,
        method: str = "POST",
        query: str | bytes | Mapping[str, str] = "",
        id: str = "",
        received_at: float = 0.0,
    ) -> ModelRequest:
        """Read a client's request in this dialect. Raises BadRequest; ValueError for a dialect there is none of."""
        reader = _readers.get(dialect)
        if reader is None:
            raise ValueError(f"no dialect {dialect!r}: there is {', '.join(sorted(_readers)) or 'none'}")
        lowered = _headers(headers)
        data = _object(body)
        reader.check(data)
        return cls(
            reader=reader,
            id=id,
            time=received_at,
            method=method,
            path=path,
            query=_query(query),
            headers=lowered,
            dialect=dialect,
            model=reader.model(data, path),
            profile=_profile(lowered),
            stream=reader.stream(data, path),
            conversation_id=_conversation(lowered),
            size=len(body),
            body=body,
            data=data,
        )

    def declaring(self, **facts: Any) -> ModelRequest:
        """The same request with these facts taken as said instead of read: for policy tests and explanations."""
        known = {name: value for name, value in self.__dict__.items() if name != "_reader"}
        return ModelRequest(reader=self._reader, **{**known, **facts})

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        return self._reader.messages(self.data)

    @cached_property
    def system(self) -> str:
        """All system and developer text, in order, joined by an empty line."""
        return "\n\n".join(message.text for message in self.messages if message.role == "system")

    @cached_property
    def last_user(self) -> str:
        """The text of the last user turn, or empty."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        return self._reader.tools(self.data)

    @cached_property
    def tool_choice(self) -> str | Absent:
        """`auto`, `none`, `required`, or the name of the one tool that must be called."""
        return self._reader.tool_choice(self.data)

    @cached_property
    def response_format(self) -> ResponseFormat | Absent:
        return self._reader.response_format(self.data)

    @cached_property
    def max_tokens(self) -> int | Absent:
        return self._reader.max_tokens(self.data)

    @cached_property
    def temperature(self) -> float | Absent:
        return self._reader.temperature(self.data)

    @cached_property
    def params(self) -> dict[str, Any]:
        """The other sampling parameters that are set, by the dialect's own names."""
        return self._reader.params(self.data)

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """What goes in or is asked for, sorted: `text`, `image`, `audio`, `file`, `video`."""
        return self._reader.modalities(self.data)

    @cached_property
    def metadata(self) -> dict[str, str]:
        return self._reader.metadata(self.data)

    @cached_property
    def input_tokens(self) -> int:
        """A cheap estimate, four bytes of UTF-8 a token over texts, tools and schema; images and files count nothing.

        Within about a third for English prose; high for tool schemas, low for scripts with several bytes a character.
        """
        return (self._reader.prompt_bytes(self.data) + 3) // 4

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a request never changes: cannot set {name}")

    def __repr__(self) -> str:
        return f"<ModelRequest {self.id or '-'} {self.dialect} model={self.model!r} size={self.size}>"


def _object(body: bytes) -> dict[str, Any]:
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The decoder's message carries no text of the body, only what it expected and where.
        raise BadRequest("invalid_json", f"The body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("invalid_json", "The body must be a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _too_deep(data):
        raise BadRequest("too_deep", f"The body nests deeper than {MAX_DEPTH} levels.")
    return cast("dict[str, Any]", data)


def _too_deep(data: Any) -> bool:
    """Level by level, so that depth costs no stack."""
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        level = [item for holder in level for item in _inside(holder) if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _inside(holder: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def _headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key not in CREDENTIAL_HEADERS:
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _query(query: str | bytes | Mapping[str, str]) -> dict[str, str]:
    if not query:
        return {}
    if isinstance(query, Mapping):
        found = dict(query)
    else:
        text = query.decode("latin-1") if isinstance(query, bytes) else query
        found = dict(parse_qsl(text, keep_blank_values=True))
    found.pop("key", None)  # a Gemini client's API key
    return found


def _profile(headers: dict[str, str]) -> str:
    name = headers.get("x-router-profile")
    if not name:
        return PROFILES[0]
    if name not in PROFILES:
        raise BadRequest("unknown_profile", f"X-Router-Profile must be one of {', '.join(PROFILES)}.")
    return name


def _conversation(headers: dict[str, str]) -> str:
    name = headers.get("x-conversation-id", "")
    if len(name) > _MAX_ID or not name.isprintable():
        raise BadRequest(
            "invalid_conversation_id", f"X-Conversation-ID must be printable, {_MAX_ID} characters at most."
        )
    return name
