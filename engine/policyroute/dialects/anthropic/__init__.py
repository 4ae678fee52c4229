"""Anthropic Messages, and the servers compatible with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from policyroute.dialects.anthropic import edit, prompt, reader, told, write
from policyroute.dialects.anthropic.concerns import BESIDE, CONCERNS
from policyroute.dialects.anthropic.foreign import FILLER
from policyroute.dialects.anthropic.request import CountRequests, MessagesRequests
from policyroute.dialects.anthropic.stream_writer import MessageWriter
from policyroute.dialects.common import JsonDialect
from policyroute.dialects.concerns import Concerns
from policyroute.dialects.dialect import Editor
from policyroute.dialects.translation import Frame, Written
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest, Operation, RequestReader
from policyroute.request.prompt import Prompt

_KEY: Final = "x-api-key"


class Anthropic(JsonDialect):
    """The `Dialect` named `anthropic`. Has no state."""

    name: str = "anthropic"
    concerns: Concerns = CONCERNS
    beside: Mapping[str, tuple[str, ...]] = BESIDE
    requests: Mapping[Operation, RequestReader] = {
        Operation.CHAT: MessagesRequests(),
        Operation.COUNT_TOKENS: CountRequests(),
    }
    editors: Mapping[Operation, Editor] = {
        Operation.CHAT: edit.MessagesEditor(),
        Operation.COUNT_TOKENS: edit.MessagesEditor(edit.COUNTED),
    }
    headers: Mapping[str, str | None] = {"anthropic-version": "2023-06-01", "anthropic-beta": None}

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        return "/messages/count_tokens" if operation is Operation.COUNT_TOKENS else "/messages"

    def auth(self, key: str) -> tuple[str, str]:
        return _KEY, key

    def stream(self, secrets: Iterable[str] = ()) -> reader.MessagesStream:
        return reader.MessagesStream(secrets)

    def answer(
        self,
        body: bytes,
        secrets: Iterable[str] = (),
        request: ModelRequest | None = None,
        *,
        everything: bool = False,
    ) -> list[StreamEvent]:
        if request is not None and request.operation is Operation.COUNT_TOKENS:
            return reader.read_count(body, secrets)
        return reader.read_answer(body, secrets, everything=everything)

    def read(self, data: dict[str, Any]) -> Prompt:
        return prompt.read(data, self.name)

    def write(self, prompt: Prompt, model: str, stream: bool) -> Written:
        return write.write(prompt, model, stream, self.name)

    def asks_nothing(self, data: dict[str, Any]) -> bool:
        said = [message["content"] for message in data["messages"] if message["role"] != "system"]
        return all(block is FILLER for block in said[-1])

    def writer(self, frame: Frame) -> MessageWriter:
        return MessageWriter(frame)

    def whole(self, events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
        return told.whole(events, frame)
