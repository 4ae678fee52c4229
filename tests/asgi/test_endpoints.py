"""Which paths are LLM paths: the gateway's own and the middleware's, with and without a prefix or a mount."""

from __future__ import annotations

import pytest

from policyroute_asgi.endpoints import Endpoints, Kind

OURS = {
    "/v1/chat/completions": Kind.ROUTED,
    "/v1/models": Kind.MODELS,
    "/v1/models/gpt": Kind.MODELS,
    "/v1/models/vendor/gpt": Kind.MODELS,
    "/v1/responses": Kind.ROUTED,
    "/v1/responses/resp_1": Kind.NOT_SERVED,
    "/v1/responses/resp_1/input_items": Kind.NOT_SERVED,
    "/v1/messages": Kind.ROUTED,
    "/v1/messages/count_tokens": Kind.ROUTED,
    "/v1/embeddings": Kind.ROUTED,
    "/v1beta/models": Kind.MODELS,
    "/v1beta/models/gpt": Kind.MODELS,
    "/v1beta/models/vendor/gpt:8b": Kind.MODELS,
    "/v1beta/models/gemini-3:generateContent": Kind.ROUTED,
    "/v1beta/models/gemini-3:streamGenerateContent": Kind.ROUTED,
    "/v1/models/qwen:8b:generateContent": Kind.ROUTED,
    "/v1alpha/tunedModels/mine:generateContent": Kind.ROUTED,
    "/v1alpha/models": Kind.MODELS,
    "/v1beta/models/gemini-3:countTokens": Kind.ROUTED,
    "/v1beta/models/gemini-3:embedContent": Kind.NOT_SERVED,
}
HOSTS_ONLY = [
    "/v1/images/generations",
    "/v1/audio/speech",
    "/v1/files",
    "/v1/files/f-1",
    "/v1/batches",
    "/v1/realtime",
    "/v1/conversations",
]
NOBODYS = [
    "/",
    "/v1",
    "/v1/chat",
    "/v1/chat/completions/",
    "/v1/chat/completions2",
    "/v1/filesystem",
    "/v1beta/models/",
    "/v1beta/tunedModels/mine",
    "/v1beta2/models/gemini-3:generateContent",
    "/v1/models/",
    "/v1/responses/",
]


@pytest.mark.parametrize("prefix", ["", "/llm"])
@pytest.mark.parametrize("root", ["", "/mounted"])
@pytest.mark.parametrize("whole", [True, False])
def test_paths(prefix: str, root: str, whole: bool) -> None:
    endpoints = Endpoints(prefix, whole=whole)

    def kind(path: str) -> Kind | None:
        endpoint = endpoints.find({"path": f"{root}{prefix}{path}", "root_path": root})
        return endpoint.kind if endpoint else None

    assert {path: kind(path) for path in OURS} == OURS
    assert {kind(path) for path in HOSTS_ONLY} == {Kind.NOT_SERVED if whole else None}
    assert {kind(path) for path in NOBODYS} == {None}


def test_without_the_prefix_nothing_is_ours() -> None:
    endpoints = Endpoints("/llm", whole=True)
    assert endpoints.find({"path": "/v1/chat/completions"}) is None


@pytest.mark.parametrize("prefix", ["llm", "/llm/", "/"])
def test_a_prefix_that_could_never_match_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Endpoints(prefix, whole=False)
