"""OpenAI Responses, and the servers compatible with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policyroute.dialects.common import JsonDialect
from policyroute.dialects.concerns import Concerns
from policyroute.dialects.dialect import Editor
from policyroute.dialects.openai_responses import edit, kept, prompt, reader, told, write
from policyroute.dialects.openai_responses.concerns import BESIDE, CONCERNS
from policyroute.dialects.openai_responses.request import ResponsesRequests
from policyroute.dialects.openai_responses.stream_writer import ResponsesWriter
from policyroute.dialects.translation import Frame, Written
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest, Operation, RequestReader
from policyroute.request.prompt import Prompt


class OpenAIResponses(JsonDialect):
    """The `Dialect` named `openai_responses`. Has no state."""

    name: str = "openai_responses"
    concerns: Concerns = CONCERNS
    beside: Mapping[str, tuple[str, ...]] = BESIDE
    requests: Mapping[Operation, RequestReader] = {Operation.CHAT: ResponsesRequests()}
    editors: Mapping[Operation, Editor] = {Operation.CHAT: edit.ResponsesEditor()}

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        return "/responses"

    def auth(self, key: str) -> tuple[str, str]:
        return "authorization", f"Bearer {key}"

    def with_model(self, body: bytes, data: dict[str, Any], model: str) -> bytes:
        """Without what we told the client of another provider's thoughts: no provider finds those."""
        if body and kept.MADE_UP.encode() not in body:
            return super().with_model(body, data, model)
        left = kept.without_made_up(data)
        return super().with_model(body if left is data else b"", left, model)

    def stream(self, secrets: Iterable[str] = ()) -> reader.ResponsesStream:
        return reader.ResponsesStream(secrets)

    def answer(
        self,
        body: bytes,
        secrets: Iterable[str] = (),
        request: ModelRequest | None = None,
        *,
        everything: bool = False,
    ) -> list[StreamEvent]:
        return reader.read_answer(body, secrets, everything=everything)

    def read(self, data: dict[str, Any]) -> Prompt:
        return prompt.read(data, self.name)

    def write(self, prompt: Prompt, model: str, stream: bool) -> Written:
        return write.write(prompt, model, stream, own=prompt.dialect == self.name)

    def asks_nothing(self, data: dict[str, Any]) -> bool:
        said = [item for item in data["input"] if item.get("role") != "developer"]
        return not said or said[-1].get("role") == "assistant" or said[-1]["type"] == "function_call"

    def writer(self, frame: Frame) -> ResponsesWriter:
        return ResponsesWriter(frame)

    def whole(self, events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
        return told.whole(events, frame)
