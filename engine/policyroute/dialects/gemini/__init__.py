"""Google's Gemini API (`generateContent`), and what Vertex AI and others serve in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from policyroute.dialects import splice
from policyroute.dialects.common import JsonDialect
from policyroute.dialects.concerns import Concerns
from policyroute.dialects.dialect import Editor
from policyroute.dialects.gemini import edit, prompt, reader, told, write
from policyroute.dialects.gemini.concerns import BESIDE, CONCERNS
from policyroute.dialects.gemini.request import ContentRequests, CountRequests
from policyroute.dialects.gemini.spelling import settled
from policyroute.dialects.gemini.stream_writer import ContentWriter
from policyroute.dialects.shapes import dumps
from policyroute.dialects.translation import Frame, Written
from policyroute.events import StreamEvent
from policyroute.request import ModelRequest, Operation, RequestReader
from policyroute.request.prompt import Prompt

_KEY: Final = "x-goog-api-key"
_TUNED: Final = "tunedModels/"
_WRITTEN_BY_POLICIES: Final = ("generationConfig", "toolConfig", "safetySettings", "cachedContent", "serviceTier")


class Gemini(JsonDialect):
    """The `Dialect` named `gemini`. Has no state."""

    name: str = "gemini"
    concerns: Concerns = CONCERNS
    beside: Mapping[str, tuple[str, ...]] = BESIDE
    requests: Mapping[Operation, RequestReader] = {
        Operation.CHAT: ContentRequests(),
        Operation.COUNT_TOKENS: CountRequests(),
    }
    editors: Mapping[Operation, Editor] = {
        Operation.CHAT: edit.ContentEditor(),
        Operation.COUNT_TOKENS: edit.CountEditor(),
    }

    def endpoint(self, model: str, stream: bool, operation: Operation = Operation.CHAT) -> str:
        """Model and stream are in the path here. Tuned models have a collection of their own."""
        called = "streamGenerateContent?alt=sse" if stream else "generateContent"
        if operation is Operation.COUNT_TOKENS:
            called = "countTokens"
        collection = "" if model.startswith(_TUNED) else "models/"
        return f"/{collection}{quote(model.removeprefix('models/'), safe='/')}:{called}"

    def auth(self, key: str) -> tuple[str, str]:
        return _KEY, key

    def with_model(self, body: bytes, data: dict[str, Any], model: str) -> bytes:
        """The path asks for the model. A body that names one as well could name another, and may not."""
        if body and "model" not in data:
            return splice.as_is(body, data)
        named = {name: value for name, value in data.items() if name != "model"}
        for name in _WRITTEN_BY_POLICIES:
            named = settled(named, name)
        return dumps(named)

    def stream(self, secrets: Iterable[str] = ()) -> reader.ContentStream:
        return reader.ContentStream(secrets)

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

    # Translation ------------------------------------------------------------------------------------------------------

    def read(self, data: dict[str, Any]) -> Prompt:
        return prompt.read(data)

    def write(self, prompt: Prompt, model: str, stream: bool) -> Written:
        return write.write(prompt, prompt.dialect == self.name)

    def asks_nothing(self, data: dict[str, Any]) -> bool:
        return not data["contents"] or data["contents"][-1]["role"] == "model"

    def writer(self, frame: Frame) -> ContentWriter:
        return ContentWriter(frame)

    def whole(self, events: Sequence[StreamEvent], frame: Frame) -> tuple[bytes, set[str]]:
        return told.whole(events, frame)
