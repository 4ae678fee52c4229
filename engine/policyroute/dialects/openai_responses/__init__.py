"""OpenAI Responses, and the servers compatible with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policyroute.dialects.common import JsonDialect
from policyroute.dialects.dialect import Editor
from policyroute.dialects.openai_responses import edit, reader
from policyroute.dialects.openai_responses.request import ResponsesRequests
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest, Operation, RequestReader


class OpenAIResponses(JsonDialect):
    """The `Dialect` named `openai_responses`. Has no state."""

    name: str = "openai_responses"
    requests: Mapping[Operation, RequestReader] = {Operation.CHAT: ResponsesRequests()}
    editors: Mapping[Operation, Editor] = {Operation.CHAT: edit.ResponsesEditor()}

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        return "/responses"

    def auth(self, key: str) -> tuple[str, str]:
        return "authorization", f"Bearer {key}"

    def stream(self, secrets: Iterable[str] = ()) -> reader.ResponsesStream:
        return reader.ResponsesStream(secrets)

    def answer(
        self, body: bytes, secrets: Iterable[str] = (), request: ModelRequest | None = None
    ) -> list[StreamEvent]:
        return reader.read_answer(body, secrets)
