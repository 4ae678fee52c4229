"""What a dialect offers, so that no caller knows one by name.

Rule of this module: bytes and values in, bytes and values out. `policyroute.dialects` has the ones there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from policyroute.dialects.concerns import Concerns
from policyroute.dialects.translation import Translates
from policyroute.events import StreamEvent
from policyroute.failures import Failure
from policyroute.request import Operation, RequestReader


class StreamReader(Protocol):
    """Reads one streamed answer, fed every upstream read in turn."""

    malformed: int
    """Events that could not be read and were left out."""
    tail: bytes
    """After `end`: bytes still to pass on to a client of the same dialect, with the terminator if it was not sent."""

    @property
    def complete(self) -> bool:
        """The provider has said that this is all: there is nothing to wait for, even if the connection stays open."""
        ...

    def feed(self, chunk: bytes) -> tuple[list[StreamEvent], bytes]:
        """The events this read completed, and the same as bytes for a client of the same dialect. A partial event is
        held back. Nothing follows a `Broken`, and its bytes are not passed on."""
        ...

    def end(self) -> list[StreamEvent]:
        """The connection ended. The last event is a `Broken` unless the answer is complete."""
        ...


Body = TypeVar("Body")


class Edits(Protocol[Body]):
    """Changes to a request by ModelRequest's field names. What is given stays: a new one comes back. What it has no
    words for is left out."""

    def has(self, data: Body, field: str) -> bool: ...
    def put(self, data: Body, field: str, value: Any) -> Body: ...
    def drop(self, data: Body, field: str) -> Body: ...
    def system(self, data: Body, *, prepend: str | None, append: str | None, replace: str | None) -> Body:
        """Replace all system text, then put text before its first and after its last, in this order."""
        ...

    def rewrite(self, data: Body, change: Callable[[str], str]) -> Body:
        """Every text sent to the model: system, user, assistant and tool turns."""
        ...


Editor = Edits[dict[str, Any]]
"""Of a dialect: it changes parsed bodies."""


class Dialect(Translates, Protocol):
    """One wire format. `requests` and `editors` are by the operations it has words for."""

    name: str
    concerns: Concerns
    requests: Mapping[Operation, RequestReader]
    editors: Mapping[Operation, Editor]
    headers: Mapping[str, str | None]
    """Request headers of its own, by lower-case name: the client's is passed on, else this is sent, if anything."""

    # To a provider.

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        """The path after the provider's base URL, with its leading slash."""
        ...

    def auth(self, key: str) -> tuple[str, str]:
        """The header that carries a provider key."""
        ...

    def with_model(self, body: bytes, data: dict[str, Any], model: str) -> bytes:
        """The client's own bytes, asking for `model`: spliced where that is safe, else written anew. An empty `body` is
        one to be written anew: `data` is not the client's any more."""
        ...

    # From a provider. `secrets` never appear in a failure's message.

    def stream(self, secrets: Iterable[str] = ()) -> StreamReader: ...
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, now: float, secrets: Iterable[str] = ()
    ) -> Failure:
        """An HTTP error. Header names are lower-case, `now` epoch seconds."""
        ...
