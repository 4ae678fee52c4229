"""Which paths are LLM paths, and which of them are answered here.

Rule of this module: a path is ours by exact match, never by likeness. What is not served says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from policyroute.request import Operation


class Kind(Enum):
    ROUTED = "routed"
    MODELS = "models"
    NOT_SERVED = "not_served"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`method` is the one it is served for, `dialect` its callers', `model` the one whose description is asked for;
    `query` what its query has to say."""

    kind: Kind
    method: str
    dialect: str = "openai_chat"
    operation: Operation = Operation.CHAT
    model: str | None = None
    query: tuple[str, str] | None = None


CHAT_PATH = "/v1/chat/completions"
CHAT = Endpoint(Kind.ROUTED, "POST")
MODELS = Endpoint(Kind.MODELS, "GET")
NOT_SERVED = Endpoint(Kind.NOT_SERVED, "POST")
_NOT_KEPT = Endpoint(Kind.NOT_SERVED, "POST", "openai_responses")
_GEMINI = Endpoint(Kind.ROUTED, "POST", "gemini")
_GEMINI_STREAM = Endpoint(Kind.ROUTED, "POST", "gemini", query=("alt", "sse"))
_NO_GEMINI = Endpoint(Kind.NOT_SERVED, "POST", "gemini")

_DIALECT_PATHS: Mapping[str, Endpoint] = {
    CHAT_PATH: CHAT,
    "/v1/models": MODELS,
    "/v1/embeddings": Endpoint(Kind.ROUTED, "POST", operation=Operation.EMBEDDINGS),
    "/v1/messages": Endpoint(Kind.ROUTED, "POST", "anthropic"),
    "/v1/messages/count_tokens": Endpoint(Kind.ROUTED, "POST", "anthropic", Operation.COUNT_TOKENS),
    "/v1beta/models": Endpoint(Kind.MODELS, "GET", "gemini"),
    "/v1alpha/models": Endpoint(Kind.MODELS, "GET", "gemini"),
    "/v1/responses": Endpoint(Kind.ROUTED, "POST", "openai_responses"),
}
_KEPT_PATH = "/v1/responses/"
"""What providers keep of answers is not kept here."""
_OTHER_PATHS = (
    "/v1/images",
    "/v1/audio",
    "/v1/files",
    "/v1/batches",
    "/v1/realtime",
    "/v1/completions",
    "/v1/conversations",
)
_GEMINI_ONLY = ("/v1beta/", "/v1alpha/")
_GEMINI_ASKED = r"/v1(?:beta|alpha)?/(?:models|tunedModels)/.+:(\w+)"
"""Its SDKs differ in the version that they ask for. A model's name may have colons of its own."""
_GEMINI_CALLS: Mapping[str, Endpoint] = {
    "generateContent": _GEMINI,
    "streamGenerateContent": _GEMINI_STREAM,
    "countTokens": Endpoint(Kind.ROUTED, "POST", "gemini", Operation.COUNT_TOKENS),
    **dict.fromkeys(
        """embedContent batchEmbedContents asyncBatchEmbedContent batchGenerateContent predict
        predictLongRunning generateAnswer""".split(),
        _NO_GEMINI,
    ),
}
"""What may be asked of a model, after the colon."""

_TELLING: Mapping[bytes, str] = {
    b"anthropic-version": "anthropic",
    b"x-goog-api-client": "gemini",
    b"x-goog-api-key": "gemini",
}
"""Headers that a client of one dialect alone sends."""

_SIBLINGS: Mapping[str, frozenset[str]] = {"openai_chat": frozenset({"openai_chat", "openai_responses"})}
"""Dialects that one SDK speaks, by the one in which it asks for models."""


@cache
def reached(dialect: str) -> frozenset[tuple[str, Operation]]:
    """What a client that asks for models in this dialect may ask of one: the dialect of the request, and what for."""
    spoken = _SIBLINGS.get(dialect, {dialect})
    routed = (each for each in (*_DIALECT_PATHS.values(), *_GEMINI_CALLS.values()) if each.kind is Kind.ROUTED)
    return frozenset((each.dialect, each.operation) for each in routed if each.dialect in spoken)


def path_of(scope: Mapping[str, Any]) -> str:
    """The request's path below what the app is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def dialect_of(scope: Mapping[str, Any], endpoint: Endpoint | None = None) -> str:
    """The dialect that the caller speaks: what the path says, or its headers where a path is of several vendors."""
    if endpoint is not None and (endpoint.kind is Kind.ROUTED or endpoint.dialect != "openai_chat"):
        return endpoint.dialect
    if path_of(scope).startswith(_GEMINI_ONLY):
        return "gemini"
    return next((_TELLING[name] for name, _ in scope["headers"] if name in _TELLING), "openai_chat")


class Endpoints:
    """The paths under one prefix. `whole` is a host that serves nothing else: images, audio and the like are answered
    there, and left to the app everywhere else."""

    def __init__(self, prefix: str, *, whole: bool) -> None:
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"prefix must be empty or like `/llm`, not {prefix!r}")
        self._exact = {f"{prefix}{path}": endpoint for path, endpoint in _DIALECT_PATHS.items()}
        self._model = f"{prefix}/v1/models/"
        self._kept = prefix + _KEPT_PATH
        self._gemini = tuple(f"{prefix}{version}models/" for version in _GEMINI_ONLY)
        self._asked = re.compile(re.escape(prefix) + _GEMINI_ASKED, re.DOTALL)
        self._others = tuple(prefix + path for path in _OTHER_PATHS) if whole else ()

    def find(self, scope: Mapping[str, Any]) -> Endpoint | None:
        """The endpoint of this request, or None where the path is not ours."""
        path = path_of(scope)
        return self._exact.get(path) or self._other(path)

    def _other(self, path: str) -> Endpoint | None:
        asked = self._asked.fullmatch(path)
        if asked and asked[1] in _GEMINI_CALLS:
            return _GEMINI_CALLS[asked[1]]
        if path.startswith(self._model) and len(path) > len(self._model):
            return Endpoint(Kind.MODELS, "GET", model=path[len(self._model) :])
        collection = next((one for one in self._gemini if path.startswith(one)), None)
        if collection is not None and len(path) > len(collection):
            return Endpoint(Kind.MODELS, "GET", "gemini", model=path[len(collection) :])
        if path.startswith(self._kept) and len(path) > len(self._kept):
            return _NOT_KEPT
        if any(path == other or path.startswith(f"{other}/") for other in self._others):
            return NOT_SERVED
        return None
