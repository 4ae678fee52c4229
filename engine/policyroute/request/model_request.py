"""`ModelRequest`: the original bytes for lossless passthrough, and everything else read lazily through the dialect.

Rule of this module: a request never changes; adaptation makes new bytes, never a new truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, NoReturn, Protocol

from policyroute.absent import Absent
from policyroute.lazily import Lazy
from policyroute.request.estimate import estimated
from policyroute.request.ingest import (
    conversation_of,
    facts_of_headers,
    facts_of_query,
    json_object,
    of_tenant,
)
from policyroute.request.profiles import SHIPPED, Profiles
from policyroute.request.prompt import Prompt
from policyroute.request.values import Message, Operation, ResponseFormat, Tool


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
    def kept(self, data: dict[str, Any]) -> str:
        """The path of what the body only refers to, because one account of a provider keeps it; empty where there is
        nothing of the kind."""
        ...

    def session(self, data: dict[str, Any]) -> str:
        """A name of the conversation that a well-known client puts into the body; empty where there is none."""
        ...

    def steps(self, data: dict[str, Any], most: int) -> int:
        """At a glance: how often a model has spoken or called tools, counted up to `most`."""
        ...

    def speaks(self, data: dict[str, Any]) -> bool:
        """At a glance, of a body that was checked: the last turn says something that every dialect has words for. If
        not, another may, or nothing."""
        ...

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        """UTF-8 bytes of everything a tokenizer would see: texts, tool calls, tool definitions, schema."""
        ...


_readers: dict[tuple[str, Operation], RequestReader] = {}
_prompts: dict[str, Callable[[dict[str, Any]], Prompt]] = {}


def register(
    dialect: str, readers: Mapping[Operation, RequestReader], prompt: Callable[[dict[str, Any]], Prompt]
) -> None:
    """Teach `ModelRequest.read` a dialect: how to read the facts of its requests, and the whole of one.
    `policyroute.dialects` does this for those it ships."""
    _readers.update({(dialect, operation): reader for operation, reader in readers.items()})
    _prompts[dialect] = prompt


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
    operation: Operation
    model: str
    profile: str
    stream: bool
    conversation_id: str
    size: int
    body: bytes
    data: dict[str, Any]
    _reader: RequestReader
    _as_it_came: ModelRequest | None = None
    _issuer: tuple[str, str] | None = None

    @classmethod
    def read(  # noqa: PLR0913 - the public call: one name for each thing a transport knows
        cls,
        dialect: str,
        body: bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        path: str = "",
        *,
        operation: Operation = Operation.CHAT,
        method: str = "POST",
        query: str | bytes | Mapping[str, str] = "",
        id: str = "",
        received_at: float = 0.0,
        profiles: Profiles = SHIPPED,
        granted: tuple[str, ...] | None = None,
    ) -> ModelRequest:
        """Read a client's request in this dialect. Raises BadRequest; ValueError for a dialect there is none of, or one
        that has no words for the operation.

        Without `id` it is that of the header `X-Request-ID`. Chance (`weights`) rests on it where there is no
        conversation: requests without either all draw the same. `profiles` are those of the policy set
        (`program.profiles`), `granted` those of them that the client may use (`client.profiles`).
        """
        reader = _readers.get((dialect, operation))
        if reader is None:
            known = ", ".join(sorted(name for name, spoken in _readers if spoken == operation)) or "none"
            raise ValueError(f"no dialect {dialect!r} for {operation}: there is {known}")
        lowered = facts_of_headers(headers)
        data = json_object(body)
        reader.check(data)
        return cls(
            reader=reader,
            id=id or lowered.get("x-request-id", ""),
            time=received_at,
            method=method,
            path=path,
            query=facts_of_query(query),
            headers=lowered,
            dialect=dialect,
            operation=operation,
            model=reader.model(data, path),
            profile=profiles.chosen(lowered.get("x-router-profile", ""), granted),
            stream=reader.stream(data, path),
            conversation_id=conversation_of(lowered, reader.session(data)),
            size=len(body),
            body=body,
            data=data,
        )

    def conversation(self, tenant: str) -> str:
        """Which conversation this belongs to where it is a tenant's. Empty where it belongs to none."""
        return of_tenant(tenant, self.conversation_id)

    def declaring(self, **facts: Any) -> ModelRequest:
        """The same request with these facts taken as said instead of read."""
        known = {name: value for name, value in self.__dict__.items() if name != "_reader"}
        return ModelRequest(reader=self._reader, **{**known, **facts})

    def continuing(self, data: dict[str, Any], body: bytes, issuer: tuple[str, str] | None) -> ModelRequest:
        """The same request with what it only referred to in `data`. `issuer` (a provider's name and base_url) has that
        itself, and gets the request as it came."""
        read = {name for name, value in vars(ModelRequest).items() if isinstance(value, Lazy)}
        facts = {name: value for name, value in self.__dict__.items() if name != "_reader" and name not in read}
        facts |= {"data": data, "body": body, "size": len(body), "_as_it_came": self, "_issuer": issuer}
        return ModelRequest(reader=self._reader, **facts)

    def at(self, provider: str, base_url: str) -> ModelRequest:
        """What is sent to this provider."""
        as_it_came = self._as_it_came
        return as_it_came if as_it_came is not None and self._issuer == (provider, base_url) else self

    @Lazy
    def messages(self) -> tuple[Message, ...]:
        return self._reader.messages(self.data)

    @Lazy
    def prompt(self) -> Prompt:
        """All of a chat request, in no dialect's words: what is written for a provider of another dialect."""
        return _prompts[self.dialect](self.data)

    @Lazy
    def system(self) -> str:
        """All system and developer text, in order, joined by an empty line."""
        return "\n\n".join(message.text for message in self.messages if message.role == "system")

    @Lazy
    def last_user(self) -> str:
        """The text of the last user turn, or empty."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @Lazy
    def opening(self) -> str:
        """The sha256 (hex) of what it opens with: the system text before the first user turn, and that turn's text.
        Empty where no user has spoken."""
        opening = sha256()
        for message in self.messages:
            opening.update(f"{message.role}\0{len(message.text)}\0{message.text}".encode("utf-8", "surrogatepass"))
            if message.role == "user":
                return opening.hexdigest()
        return ""

    def steps(self, most: int) -> int:
        """At a glance: how often a model has spoken or called tools in it, counted up to `most`."""
        return self._reader.steps(self.data, most)

    @Lazy
    def tools(self) -> tuple[Tool, ...]:
        return self._reader.tools(self.data)

    @Lazy
    def tool_choice(self) -> str | Absent:
        """`auto`, `none`, `required`, or the name of the one tool that must be called."""
        return self._reader.tool_choice(self.data)

    @Lazy
    def response_format(self) -> ResponseFormat | Absent:
        return self._reader.response_format(self.data)

    @Lazy
    def max_tokens(self) -> int | Absent:
        return self._reader.max_tokens(self.data)

    @Lazy
    def temperature(self) -> float | Absent:
        return self._reader.temperature(self.data)

    @Lazy
    def params(self) -> dict[str, Any]:
        """The other sampling parameters that are set, by the dialect's own names."""
        return self._reader.params(self.data)

    @Lazy
    def wordless(self) -> bool:
        """What the user said last has no words, so that there may be nothing of it left in another dialect. Nearly
        every request is known to have some at a glance."""
        if self._reader.speaks(self.data):
            return False
        last = next((message for message in reversed(self.messages) if message.role != "system"), None)
        return last is not None and last.role != "assistant" and not last.text

    @Lazy
    def modalities(self) -> tuple[str, ...]:
        """What goes in or is asked for, sorted: `text`, `image`, `audio`, `file`, `video`."""
        return self._reader.modalities(self.data)

    @Lazy
    def metadata(self) -> dict[str, str]:
        return self._reader.metadata(self.data)

    @Lazy
    def kept(self) -> str:
        """The path of what it only refers to, because one account of a provider keeps it (`previous_response_id`): no
        other account can answer it. Empty where the request is whole."""
        return self._reader.kept(self.data)

    @Lazy
    def input_tokens(self) -> int:
        """A cheap estimate over texts, tools and schema; images and files count nothing."""
        return estimated(self._reader.prompt_bytes(self.data))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a request never changes: cannot set {name}")

    def __repr__(self) -> str:
        return f"<ModelRequest {self.id or '-'} {self.dialect} model={self.model!r} size={self.size}>"
