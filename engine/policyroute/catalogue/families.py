"""What vendors take otherwise than their dialect, and families of models otherwise than their vendor.

They are by name, because no vendor says them in a form that a program could read; and each says how it is known
(`Source`), because few were tried on the vendors themselves.
Rule of this module: the only place, with `vendors`, where a vendor or a model has a name. A row is data: whom it is
about, and the `Traits` it sets; later rows come over earlier ones. What is only believed never leaves out what was
asked for, nor rules anybody out: it is said another way, or was a hint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Source = Literal["recorded", "sdk", "documented", "reported", "believed"]
"""How a row is known: from requests and answers of the vendor that were recorded; from its SDK's types; from its
documentation; from what others say they met (issues, rules in other projects); or it is general knowledge that nobody
looked up again."""

_CHAT: Final = "openai_chat"
_OPENAI: Final = "openai_chat openai_responses"
_THINKS: Final = ("none", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Row:
    """`vendors` and `dialects` are words with spaces between them; `models` is where the id begins (any: empty)."""

    source: Source
    vendors: str
    dialects: str
    models: str
    traits: Mapping[str, Any]

    def holds(self, vendor: str, dialect: str, model: str) -> bool:
        known = vendor in self.vendors.split() and dialect in self.dialects.split()
        return known and re.match(self.models, model) is not None


VENDOR_ROWS: Final = (
    # Who takes no tiers, knows no developers, or has a name of its own: nothing of what is asked is lost by these.
    Row(
        "believed",
        "gemini vertex mistral deepseek qwen xai together fireworks ollama vllm llamacpp",
        _CHAT,
        "",
        {"service_tier": ()},
    ),
    Row(
        "believed",
        "mistral deepseek qwen together fireworks cerebras ollama llamacpp",
        _CHAT,
        "",
        {"developer": False},
    ),
    Row("believed", "deepseek qwen together fireworks tokenmix ollama", _CHAT, "", {"max_tokens_name": "max_tokens"}),
    Row("reported", "openai azure", _CHAT, "", {"schema": "openai_strict", "max_tokens_name": "max_completion_tokens"}),
    Row("sdk", "openai azure", _CHAT, "", {"video": False}),
    Row("reported", "anthropic", "anthropic", "", {"sampling": False, "reasoning": "effort", "adaptive": True}),
    Row("reported", "anthropic", "anthropic", "", {"user_last": True}),
    Row("reported", "anthropic", "anthropic", "", {"signed_thoughts": True}),
    Row("reported", "gemini vertex", "gemini", "", {"user_last": True}),
    Row("recorded", "mistral", _CHAT, "", {"call_id": "nine"}),
    Row("reported", "mistral", _CHAT, "", {"mid_system": False, "alternate": True, "user_last": True}),
    Row(
        "sdk",
        "mistral",
        _CHAT,
        "",
        {
            "temperature_max": 1.5,
            "seed_name": "random_seed",
            "max_tokens_name": "max_tokens",
            "logprobs": False,
        },
    ),
    Row("believed", "deepseek", _CHAT, "", {"json_schema": False}),
    Row("reported", "deepseek", _CHAT, "", {"seed": False, "files": False, "stop_max": 16}),
    Row(
        "documented",
        "deepseek",
        _CHAT,
        "",
        {"efforts": ("none", "low", "medium", "high", "xhigh", "max"), "off_name": "thinking"},
    ),
    Row(
        "reported",
        "qwen",
        _CHAT,
        "",
        {"temperature_max": 1.99, "files": False, "stop_max": 16, "reasoning": "none"},
    ),
    Row("documented", "groq", _CHAT, "", {"n": False, "logprobs": False}),
    Row(
        "believed",
        "groq",
        _CHAT,
        "",
        {"efforts": _THINKS, "service_tier": ("auto", "on_demand", "flex", "performance")},
    ),
    Row("documented", "cerebras", _CHAT, "", {"penalties": False, "parallel_tools": False, "service_tier": ()}),
    Row("believed", "ollama", _CHAT, "", {"tool_choice": False, "parallel_tools": False}),
    Row("recorded", "llamacpp", _CHAT, "", {"prefill": True}),
)

_ALWAYS_THINKS: Final[Mapping[str, Any]] = {"sampling": False, "penalties": False, "logprobs": False}
"""OpenAI refuses what steers sampling whenever a model thinks."""
_THINKS_IF_ASKED: Final = r"gpt-5\.[1-4](-mini|-nano)?(-\d{4}|$)"
_CLAUDE_BEFORE_4_6: Final = r"claude-(3|(haiku|sonnet|opus)-4(-[015])?(-\d{8}|@|$))"

FAMILIES: Final = (
    # OpenAI: o*, gpt-5 and its sizes, codex, pro and the chat models of 5.1 to 5.3 always think; gpt-5.1 to 5.4 think
    # when they are asked to; from 5.5 on they do unless they are told not to. gpt-5-chat and gpt-4 never do.
    Row("reported", "openai azure", _OPENAI, r"(o\d|gpt-([5-9]|[12]\d))", {**_ALWAYS_THINKS, "stop_max": 0}),
    Row("believed", "openai azure", _OPENAI, r"o\d", {"efforts": ("low", "medium", "high"), "parallel_tools": False}),
    Row("believed", "openai azure", _CHAT, r"o1(-\d|$)", {"stop_max": 4}),
    Row(
        "reported",
        "openai azure",
        _OPENAI,
        _THINKS_IF_ASKED,
        {"sampling": True, "sampling_reasoning": False, "logprobs": True},
    ),
    Row("reported", "openai azure", _CHAT, _THINKS_IF_ASKED, {"penalties": True}),
    Row(
        "reported",
        "openai azure",
        _CHAT,
        r"gpt-5-chat",
        {"sampling": True, "penalties": True, "logprobs": True, "stop_max": 4, "reasoning": "none"},
    ),
    Row("recorded", "openai azure", _CHAT, r"o1-(mini|preview)", {"system": False, "mid_system": False}),
    Row("recorded", "openai azure xai", _OPENAI, "", {"prefill": False}),  # a begun answer is answered, not continued
    Row(
        "reported",
        "openai azure",
        _OPENAI,
        r"(gpt-[34]|chatgpt|ft:gpt-[34])",
        {"reasoning": "none", "max_tokens_name": "any"},
    ),
    # Claude: thinks by a budget up to 4.5, by either at 4.6, and by effort alone after that, when sampling went too.
    Row("reported", "anthropic", "anthropic", _CLAUDE_BEFORE_4_6, {"sampling": True, "adaptive": False}),
    Row("recorded", "anthropic", "anthropic", _CLAUDE_BEFORE_4_6, {"prefill": True}),
    Row("reported", "anthropic", "anthropic", _CLAUDE_BEFORE_4_6, {"reasoning": "budget"}),
    Row("documented", "anthropic", "anthropic", r"claude-(3-(opus|sonnet|haiku|5)|2)", {"reasoning": "none"}),
    Row("reported", "anthropic", "anthropic", r"claude-(sonnet|opus)-4-6", {"sampling": True}),
    Row("reported", "anthropic", "anthropic", r"claude-(sonnet|opus)-4-6", {"reasoning": "effort_or_budget"}),
    Row("reported", "anthropic", "anthropic", r"claude-(3|(sonnet|opus)-4(-0)?(-\d{8}|@|$))", {"json_schema": False}),
    Row("reported", "anthropic", "anthropic", r"claude-(fable|mythos)", {"tool_choice": False}),
    Row("believed", "anthropic", "anthropic", r"claude-(fable|mythos)", {"efforts": _THINKS[1:]}),
    # Gemini: a budget at 2.5, levels from 3 on; pro models cannot but think.
    Row("reported", "gemini vertex", "gemini", r"gemini-[12]", {"tools_with_schema": False}),
    Row("believed", "gemini vertex", "gemini", r"gemini-(1|2\.0)", {"schema": "gemini_openapi"}),
    Row("reported", "gemini vertex", "gemini", r"gemini-(1|2\.0)", {"reasoning": "none"}),
    Row("reported", "gemini vertex", "gemini", r"gemini-2\.5", {"reasoning": "budget", "adaptive": True}),
    Row("reported", "gemini vertex", "gemini", r"gemini-2\.5", {"efforts": _THINKS}),
    Row("reported", "gemini vertex", "gemini", r"gemini-2\.5-pro", {"efforts": _THINKS[1:]}),
    Row("reported", "gemini vertex", "gemini", r"gemini-(3|3\.1)-pro|gemini-3\.7-flash", {"efforts": _THINKS[1:]}),
    Row("reported", "gemini vertex", "gemini", r"gemini-(2|3-|3\.1-|3\.5-flash)(?!.*lite)", {"prefill": True}),
    # These three continue an answer only if it is marked as one that is begun.
    Row("documented", "mistral deepseek qwen", _CHAT, "", {"prefill": False}),
    # DeepSeek: v4 wants its thoughts back, by the name of the reasoner too.
    Row("documented", "deepseek", _CHAT, r"deepseek-(v4|flash|reasoner)", {"reasoning_echo": True}),
    Row("believed", "deepseek", _CHAT, r"deepseek-(reasoner|r1)", {"tool_choice": False}),
    # Grok: its reasoners take no penalties and no stop, and those that are told apart by name no effort.
    Row("reported", "xai", _CHAT, r"grok-(?!.*non-reasoning)[4-9]", {"penalties": False, "stop_max": 0}),
    Row("documented", "xai", _CHAT, r"grok-4([.-]1-fast|\.20)(?!.*multi)", {"reasoning": "none"}),
)
