"""OpenAI Chat Completions and embeddings, and the many servers compatible with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policyroute.dialects.common import JsonDialect
from policyroute.dialects.concerns import Concerns
from policyroute.dialects.dialect import Editor
from policyroute.dialects.openai_chat import edit, embeddings, prompt, reader, told, write
from policyroute.dialects.openai_chat.concerns import BESIDE, CONCERNS
from policyroute.dialects.openai_chat.request import ChatRequests
from policyroute.dialects.openai_chat.stream_writer import ChatWriter
from policyroute.dialects.translation import Frame, Written
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest, Operation, RequestReader
from policyroute.request.prompt import Prompt


class OpenAIChat(JsonDialect):
    """The `Dialect` named `openai_chat`. Has no state."""

    name: str = "openai_chat"
    concerns: Concerns = CONCERNS
    beside: Mapping[str, tuple[str, ...]] = BESIDE
    requests: Mapping[Operation, RequestReader] = {
        Operation.CHAT: ChatRequests(),
        Operation.EMBEDDINGS: embeddings.EmbeddingRequests(),
    }
    editors: Mapping[Operation, Editor] = {
        Operation.CHAT: edit.ChatEditor(),
        Operation.EMBEDDINGS: embeddings.EmbeddingEditor(),
    }

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        return "/embeddings" if operation is Operation.EMBEDDINGS else "/chat/completions"

    def auth(self, key: str) -> tuple[str, str]:
        return "authorization", f"Bearer {key}"

    def stream(self, secrets: Iterable[str] = ()) -> reader.ChatStream:
        return reader.ChatStream(secrets)

    def answer(
        self,
        body: bytes,
        secrets: Iterable[str] = (),
        request: ModelRequest | None = None,
        *,
        everything: bool = False,
    ) -> list[StreamEvent]:
        if request is not None and request.operation is Operation.EMBEDDINGS:
            return embeddings.read_answer(body, embeddings.how_many(request.data), secrets)
        return reader.read_answer(body, secrets, everything=everything)

    def read(self, data: dict[str, Any]) -> Prompt:
        return prompt.read(data, self.name)

    def write(self, prompt: Prompt, model: str, stream: bool) -> Written:
        return write.write(prompt, model, stream, own=prompt.dialect == self.name)

    def asks_nothing(self, data: dict[str, Any]) -> bool:
        said = [message["role"] for message in data["messages"] if message["role"] != "system"]
        return said[-1:] in ([], ["assistant"])

    def writer(self, frame: Frame) -> ChatWriter:
        return ChatWriter(frame)

    def whole(self, events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
        return told.whole(events, frame)
