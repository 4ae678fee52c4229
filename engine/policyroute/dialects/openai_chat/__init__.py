"""OpenAI Chat Completions, and the many servers compatible with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policyroute.dialects.dialect import Editor
from policyroute.dialects.openai_chat import edit, errors, reader, splice, writer
from policyroute.dialects.openai_chat.request import ChatRequests
from policyroute.dialects.trouble import ClientError
from policyroute.events import StreamEvent
from policyroute.failures import Failure
from policyroute.request import RequestReader


class OpenAIChat:
    """The `Dialect` named `openai_chat`. Has no state."""

    name: str = "openai_chat"
    requests: RequestReader = ChatRequests()
    editor: Editor = edit.ChatEditor()

    def endpoint(self, model: str, stream: bool) -> str:
        return "/chat/completions"

    def auth(self, key: str) -> tuple[str, str]:
        return "authorization", f"Bearer {key}"

    def with_model(self, body: bytes, data: dict[str, Any], model: str) -> bytes:
        return splice.with_model(body, data, model)

    def stream(self, secrets: Iterable[str] = ()) -> reader.ChatStream:
        return reader.ChatStream(secrets)

    def answer(self, body: bytes, secrets: Iterable[str] = ()) -> list[StreamEvent]:
        return reader.read_answer(body, secrets)

    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, now: float, secrets: Iterable[str] = ()
    ) -> Failure:
        return errors.classify(status, headers, body, now, secrets)

    def error_body(self, error: ClientError) -> bytes:
        return writer.error_body(error)

    def error_event(self, error: ClientError) -> bytes:
        return writer.error_event(error)

    def models(self, names: Iterable[str], created: int = 0) -> bytes:
        return writer.models(names, created)

    def model(self, name: str, created: int = 0) -> bytes:
        return writer.model(name, created)
