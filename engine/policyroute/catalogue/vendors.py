"""Vendors: where each is reached, in which dialect, and what it is known to fall together with.

Rule of this module: a vendor is a row. What is true of one account only (region, clearance, keys) stands in policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

AUTH_STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "bearer": ("authorization", "Bearer "),
    "x-api-key": ("x-api-key", ""),
    "api-key": ("api-key", ""),
    "x-goog-api-key": ("x-goog-api-key", ""),
    "x-portkey-api-key": ("x-portkey-api-key", ""),
}
"""The ways to show a key: which header it is sent in, and what stands before it there."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """`base_url` is None where every account or installation has one of its own. `lists_models`: the catalogue knows
    the models it serves itself, so that one it does not know is worth a word. `auth` is how it is shown a key
    (`AUTH_STYLES`), empty where that is the dialect's way. `batch_url` is where it answers single requests later, for
    less."""

    name: str
    title: str
    dialect: str
    base_url: str | None = None
    failure_domains: tuple[str, ...] = ()
    lists_models: bool = True
    auth: str = ""
    batch_url: str | None = None


_ROWS: Final = (
    Vendor("openai", "OpenAI", "openai_chat", "https://api.openai.com/v1", ("azure",)),
    Vendor("azure", "Azure OpenAI", "openai_chat", None, ("azure",), auth="api-key"),
    Vendor("anthropic", "Anthropic", "anthropic", "https://api.anthropic.com/v1"),
    Vendor("gemini", "Gemini API", "gemini", "https://generativelanguage.googleapis.com/v1beta", ("google",)),
    Vendor("vertex", "Vertex AI", "gemini", None, ("google",), auth="bearer"),
    Vendor("mistral", "Mistral", "openai_chat", "https://api.mistral.ai/v1"),
    Vendor("deepseek", "DeepSeek", "openai_chat", "https://api.deepseek.com/v1"),
    Vendor(
        "qwen",
        "Qwen",
        "openai_chat",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("alibaba",),
        batch_url="https://batch.dashscope.aliyuncs.com/compatible-mode/v1",
    ),
    Vendor("xai", "xAI", "openai_chat", "https://api.x.ai/v1"),
    Vendor("groq", "Groq", "openai_chat", "https://api.groq.com/openai/v1"),
    Vendor("together", "Together", "openai_chat", "https://api.together.xyz/v1"),
    Vendor("fireworks", "Fireworks", "openai_chat", "https://api.fireworks.ai/inference/v1"),
    Vendor("cerebras", "Cerebras", "openai_chat", "https://api.cerebras.ai/v1"),
    Vendor("openrouter", "OpenRouter", "openai_chat", "https://openrouter.ai/api/v1", lists_models=False),
    Vendor("tokenmix", "TokenMix", "openai_chat", "https://api.tokenmix.ai/v1", lists_models=False),
    Vendor("ollama", "Ollama", "openai_chat", "http://localhost:11434/v1", lists_models=False),
    Vendor("vllm", "vLLM", "openai_chat", "http://localhost:8000/v1", lists_models=False),
    Vendor("llamacpp", "llama.cpp", "openai_chat", "http://localhost:8080/v1", lists_models=False),
    Vendor("litellm", "LiteLLM", "openai_chat", "http://localhost:4000/v1", lists_models=False),
    Vendor(
        "portkey", "Portkey", "openai_chat", "https://api.portkey.ai/v1", lists_models=False, auth="x-portkey-api-key"
    ),
)

VENDORS: Final[Mapping[str, Vendor]] = {row.name: row for row in _ROWS}

_AT: Final = {urlsplit(row.base_url).netloc: row for row in _ROWS if row.base_url and row.base_url.startswith("https:")}


def vendor_at(base_url: str) -> Vendor | None:
    """Whose public address this is."""
    parts = urlsplit(base_url)
    return _AT.get(parts.netloc.lower()) if parts.scheme == "https" else None


def batch_at(base_url: str) -> Vendor | None:
    """Whose batch endpoint this is."""
    return next((row for row in _ROWS if row.batch_url and base_url.lower().startswith(row.batch_url)), None)


def reference() -> str:
    """The table of the docs."""
    lines = ["| `vendor` | | `dialect` | `base_url` | `failure_domains` | `auth` |", "|---|---|---|---|---|---|"]
    for row in _ROWS:
        address = row.base_url or "yours"
        cells = (f"`{row.name}`", row.title, f"`{row.dialect}`", address, ", ".join(row.failure_domains), row.auth)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
