"""OpenAI embeddings: what is asked, changed and answered where nobody is talked to.

Rule of this module: what is to be embedded reads as the user's words, so that rules on texts hold for it; inputs given
as tokens have no text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from policyroute.absent import ABSENT, Absent
from policyroute.dialects import checks
from policyroute.dialects.errors import classify_object
from policyroute.dialects.openai_chat.chunk import read_usage
from policyroute.dialects.shapes import items, obj, text, utf8_length
from policyroute.dialects.stream import EMPTY, UNREADABLE, parse
from policyroute.events import Broken, Finished, FinishReason, OtherContent, Started, StreamEvent
from policyroute.failures import Failure, FailureKind
from policyroute.request import Message, ResponseFormat, Tool
from policyroute.request.estimate import BYTES_A_TOKEN

_TYPES: checks.Types = {
    "dimensions": checks.INTEGER,
    "encoding_format": checks.STRING,
    "user": checks.STRING,
}


class EmbeddingRequests:
    """The `RequestReader` of embeddings. Has no state."""

    def check(self, data: dict[str, Any]) -> None:
        checks.model(data)
        given = data.get("input")
        if not given or not (isinstance(given, str) or _is_batch(given)):
            code = "missing_input" if given is None else "invalid_type"
            checks.refuse(code, "input", "a text, an array of texts, or an array of tokens or of such arrays")
        checks.types(data, _TYPES)

    def kept(self, data: dict[str, Any]) -> str:
        return ""

    def session(self, data: dict[str, Any]) -> str:
        return ""

    def steps(self, data: dict[str, Any], most: int) -> int:
        return 0

    def model(self, data: dict[str, Any], path: str) -> str:
        return text(data["model"])

    def stream(self, data: dict[str, Any], path: str) -> bool:
        return False

    def messages(self, data: dict[str, Any]) -> tuple[Message, ...]:
        return tuple(Message("user", text(each)) for each in _inputs(data))

    def tools(self, data: dict[str, Any]) -> tuple[Tool, ...]:
        return ()

    def tool_choice(self, data: dict[str, Any]) -> Absent:
        return ABSENT

    def response_format(self, data: dict[str, Any]) -> ResponseFormat | Absent:
        return ABSENT

    def max_tokens(self, data: dict[str, Any]) -> Absent:
        return ABSENT

    def temperature(self, data: dict[str, Any]) -> Absent:
        return ABSENT

    def params(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in _TYPES if data.get(name) is not None}

    def speaks(self, data: dict[str, Any]) -> bool:
        return True

    def modalities(self, data: dict[str, Any]) -> tuple[str, ...]:
        return ("text",)

    def metadata(self, data: dict[str, Any]) -> dict[str, str]:
        return {}

    def prompt_bytes(self, data: dict[str, Any]) -> int:
        return sum(utf8_length(each) if isinstance(each, str) else BYTES_A_TOKEN * len(each) for each in _inputs(data))


class EmbeddingEditor:
    """The `Editor` of embeddings: of a conversation's fields they have but `user` and the text. Has no state."""

    def has(self, data: dict[str, Any], field: str) -> bool:
        return field == "user" and data.get(field) is not None

    def put(self, data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
        return {**data, field: value} if field == "user" else data

    def drop(self, data: dict[str, Any], field: str) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "user" or field != "user"}

    def system(
        self, data: dict[str, Any], *, prepend: str | None, append: str | None, replace: str | None
    ) -> dict[str, Any]:
        return data

    def rewrite(self, data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
        given = data["input"]
        if isinstance(given, str):
            return {**data, "input": change(given)}
        return {**data, "input": [change(each) if isinstance(each, str) else each for each in items(given)]}


def how_many(data: dict[str, Any]) -> int:
    """The vectors that a request asks for."""
    return len(_inputs(data))


def read_answer(body: bytes, wanted: int, secrets: Iterable[str] = ()) -> list[StreamEvent]:
    """A whole answer as events. The last is a `Broken` where it is an error, or has fewer vectors than `wanted`."""
    answer = obj(parse(body))
    if answer.get("error"):
        return [Broken(classify_object(answer, secrets))]
    rows = answer.get("data")
    if not isinstance(rows, list):
        return [Broken(UNREADABLE)]
    vectors = sum(1 for row in items(rows) if obj(row).get("embedding"))
    if vectors < wanted:
        return [Broken(_too_few(vectors, wanted) if vectors else EMPTY)]
    found: list[StreamEvent] = [Started("", text(answer.get("model"))), OtherContent("embedding")]
    if usage := obj(answer.get("usage")):
        found.append(read_usage(usage))
    return [*found, Finished(FinishReason.STOP)]


def _too_few(vectors: int, wanted: int) -> Failure:
    return Failure(FailureKind.STREAM_BROKEN, f"The provider's answer has {vectors} of {wanted} vectors.")


def _inputs(data: dict[str, Any]) -> list[Any]:
    """Each input: a text, or a list of tokens."""
    given = data["input"]
    return [given] if isinstance(given, str) or isinstance(given[0], int) else given


def _is_batch(given: Any) -> bool:
    """All texts, all tokens, or all lists of tokens; none of them empty lists."""
    batch = items(given)
    return batch != [] and (
        all(isinstance(each, str) for each in batch) or _are_tokens(batch) or all(_are_tokens(each) for each in batch)
    )


def _are_tokens(given: Any) -> bool:
    tokens = items(given)
    return tokens != [] and all(each.__class__ is int for each in tokens)
