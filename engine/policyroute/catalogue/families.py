"""What vendors take otherwise than their dialect, and families of models otherwise than their vendor.

The rules are those of the vendors' own documentation and of what they answered to requests that break them. They are
by name, because no vendor says them in a form that a program could read.
Rule of this module: the only place, with `vendors`, where a vendor or a model has a name. A row is data: whom it is
about, and the `Traits` it sets; later rows come over earlier ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_CHAT: Final = "openai_chat"
_OPENAI: Final = "openai_chat openai_responses"
_THINKS: Final = ("none", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Row:
    """`vendors` and `dialects` are words with spaces between them; `models` is where the id begins (any: empty)."""

    vendors: str
    dialects: str
    models: str
    traits: Mapping[str, Any]

    def holds(self, vendor: str, dialect: str, model: str) -> bool:
        known = vendor in self.vendors.split() and dialect in self.dialects.split()
        return known and re.match(self.models, model) is not None


VENDOR_ROWS: Final = (
    Row(
        "openai azure",
        _CHAT,
        "",
        {"schema": "openai_strict", "max_tokens_name": "max_completion_tokens", "video": False},
    ),
    Row("anthropic", "anthropic", "", {"sampling": False, "reasoning": "effort", "adaptive": True, "user_last": True}),
    Row("gemini vertex", "gemini", "", {"user_last": True}),
    Row("gemini vertex", _CHAT, "", {"penalties": False, "logprobs": False, "files": False, "service_tier": ()}),
    Row(
        "mistral",
        _CHAT,
        "",
        {
            "mid_system": False,
            "alternate": True,
            "user_last": True,
            "temperature_max": 1.5,
            "seed_name": "random_seed",
            "max_tokens_name": "max_tokens",
            "logprobs": False,
            "call_id": "nine",
            "service_tier": (),
        },
    ),
    Row(
        "deepseek",
        _CHAT,
        "",
        {
            "json_schema": False,
            "seed": False,
            "n": False,
            "files": False,
            "audio": False,
            "stop_max": 16,
            "efforts": ("none", "low", "medium", "high", "xhigh", "max"),
            "off_name": "thinking",
            "service_tier": (),
            "max_tokens_name": "max_tokens",
        },
    ),
    Row(
        "qwen",
        _CHAT,
        "",
        {"temperature_max": 1.99, "files": False, "stop_max": 16, "reasoning": "none", "service_tier": ()}
        | {"max_tokens_name": "max_tokens"},
    ),
    Row("xai", _CHAT, "", {"files": False, "audio": False, "service_tier": ()}),
    Row(
        "groq",
        _CHAT,
        "",
        {
            "n": False,
            "logprobs": False,
            "files": False,
            "audio": False,
            "efforts": ("none", "low", "medium", "high"),
            "service_tier": ("auto", "on_demand", "flex", "performance"),
        },
    ),
    Row("together fireworks tokenmix ollama", _CHAT, "", {"max_tokens_name": "max_tokens"}),
    Row("mistral deepseek qwen together fireworks cerebras ollama llamacpp", _CHAT, "", {"developer": False}),
    Row("together fireworks", _CHAT, "", {"files": False, "audio": False, "service_tier": ()}),
    Row(
        "cerebras",
        _CHAT,
        "",
        {"n": False, "penalties": False, "images": False, "files": False, "audio": False, "service_tier": ()},
    ),
    Row(
        "ollama",
        _CHAT,
        "",
        {
            "tool_choice": False,
            "parallel_tools": False,
            "image_urls": False,
            "files": False,
            "audio": False,
            "logprobs": False,
            "n": False,
            "service_tier": (),
        },
    ),
    Row("vllm", _CHAT, "", {"service_tier": ()}),
    Row("llamacpp", _CHAT, "", {"n": False, "prefill": True, "files": False, "video": False, "service_tier": ()}),
)

_ALWAYS_THINKS: Final[Mapping[str, Any]] = {"sampling": False, "penalties": False, "logprobs": False}
"""OpenAI refuses what steers sampling whenever a model thinks."""

FAMILIES: Final = (
    # OpenAI: o*, gpt-5 and its sizes, codex, pro and the chat models of 5.1 to 5.3 always think; gpt-5.1 to 5.4 think
    # when they are asked to; from 5.5 on they do unless they are told not to. gpt-5-chat and gpt-4 never do.
    Row("openai azure", _OPENAI, r"(o\d|gpt-([5-9]|[12]\d))", {**_ALWAYS_THINKS, "stop_max": 0}),
    Row("openai azure", _OPENAI, r"o\d", {"efforts": ("low", "medium", "high"), "parallel_tools": False}),
    Row("openai azure", _CHAT, r"o1(-\d|$)", {"stop_max": 4}),
    Row(
        "openai azure",
        _OPENAI,
        r"gpt-5\.[1-4](-mini|-nano)?(-\d{4}|$)",
        {"sampling": True, "sampling_reasoning": False, "logprobs": True},
    ),
    Row("openai azure", _CHAT, r"gpt-5\.[1-4](-mini|-nano)?(-\d{4}|$)", {"penalties": True}),
    Row(
        "openai azure",
        _CHAT,
        r"gpt-5-chat",
        {"sampling": True, "penalties": True, "logprobs": True, "stop_max": 4, "reasoning": "none"},
    ),
    Row(
        "openai azure",
        _CHAT,
        r"o1-(mini|preview)",
        {"system": False, "mid_system": False, "tools": False, "json_schema": False, "json_object": False}
        | {"images": False, "files": False, "reasoning": "none"},
    ),
    Row("openai azure xai", _OPENAI, "", {"prefill": False}),  # a begun answer is answered, not continued
    Row("openai azure", _OPENAI, r"(gpt-[34]|chatgpt|ft:gpt-[34])", {"reasoning": "none", "max_tokens_name": "any"}),
    # Claude: thinks by a budget up to 4.5, by either at 4.6, and by effort alone after that, when sampling went too.
    Row(
        "anthropic",
        "anthropic",
        r"claude-(3|(haiku|sonnet|opus)-4(-[015])?(-\d{8}|@|$))",
        {"sampling": True, "reasoning": "budget", "adaptive": False, "prefill": True},
    ),
    Row("anthropic", "anthropic", r"claude-(sonnet|opus)-4-6", {"sampling": True, "reasoning": "effort_or_budget"}),
    Row("anthropic", "anthropic", r"claude-(3|(sonnet|opus)-4(-0)?(-\d{8}|@|$))", {"json_schema": False}),
    Row("anthropic", "anthropic", r"claude-(3-(opus|sonnet|haiku|5)|2)", {"reasoning": "none"}),
    Row("anthropic", "anthropic", r"claude-(fable|mythos)", {"tool_choice": False, "efforts": _THINKS[1:]}),
    # Gemini: a budget at 2.5, levels from 3 on; pro models cannot but think.
    Row("gemini vertex", "gemini", r"gemini-[12]", {"tools_with_schema": False}),
    Row("gemini vertex", "gemini", r"gemini-(1|2\.0)", {"reasoning": "none", "schema": "gemini_openapi"}),
    Row("gemini", "gemini", r"gemini-[12]", {"image_urls": False}),
    Row("gemini vertex", "gemini", r"gemini-2\.5", {"reasoning": "budget", "adaptive": True, "efforts": _THINKS}),
    Row("gemini vertex", "gemini", r"gemini-2\.5-pro", {"efforts": _THINKS[1:]}),
    Row("gemini vertex", "gemini", r"gemini-(3|3\.1)-pro|gemini-3\.7-flash", {"efforts": _THINKS[1:]}),
    Row("gemini vertex", "gemini", r"gemini-(2|3-|3\.1-|3\.5-flash)(?!.*lite)", {"prefill": True}),
    # These three continue an answer only if it is marked as one that is begun.
    Row("mistral deepseek qwen", _CHAT, "", {"prefill": False}),
    # DeepSeek: v4 wants its thoughts back, by the name of the reasoner too; reasoners take no forced call.
    Row("deepseek", _CHAT, r"deepseek-(v4|flash|reasoner)", {"reasoning_echo": True}),
    Row("deepseek", _CHAT, r"deepseek-(reasoner|r1)", {"tool_choice": False}),
    Row("xai", _CHAT, r"grok-(?!.*non-reasoning)[4-9]", {"penalties": False, "stop_max": 0}),
)
