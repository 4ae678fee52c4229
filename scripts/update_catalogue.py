"""Writes the catalogue's models from LiteLLM's price map (MIT).

    pip download --no-deps litellm
    python scripts/update_catalogue.py litellm-*.whl 2026-11-26

The date is the day of the update. The same wheel and day give the same file.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_MAP = "litellm/model_prices_and_context_window_backup.json"
_TARGET = Path(__file__).parent.parent / "engine" / "policyroute" / "catalogue" / "models.json"

_VENDORS = {
    "openai": ("openai", ""),
    "azure": ("azure", "azure/"),
    "anthropic": ("anthropic", ""),
    "gemini": ("gemini", "gemini/"),
    "vertex_ai": ("vertex", "vertex_ai/"),
    "vertex_ai-language-models": ("vertex", "vertex_ai/"),
    "mistral": ("mistral", "mistral/"),
    "deepseek": ("deepseek", "deepseek/"),
    "dashscope": ("qwen", "dashscope/"),
    "xai": ("xai", "xai/"),
    "groq": ("groq", "groq/"),
    "together_ai": ("together", "together_ai/"),
    "fireworks_ai": ("fireworks", "fireworks_ai/"),
    "cerebras": ("cerebras", "cerebras/"),
}
"""The map's word for a provider: our vendor, and what the map puts before its model ids."""

_MODES = {"chat", "responses", "embedding"}
_TIERS = {"batch": "_batches", "flex": "_flex", "priority": "_priority"}
"""A service tier, and what the map puts behind the names of its prices."""

_ABOVE = re.compile(r"(?:input|output)_cost_per_token_above_(\d+)k_tokens\Z")
_PRICES = (
    "input_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "output_cost_per_token",
)
_CAPABILITIES = {
    "supports_function_calling": "tools",
    "supports_response_schema": "json_schema",
    "supports_vision": "images",
    "supports_reasoning": "reasoning",
    "supports_assistant_prefill": "prefill",
    "supports_pdf_input": "files",
    "supports_audio_input": "audio",
    "supports_video_input": "video",
    "supports_mid_conversation_system": "mid_system",
}
_DENIED = {
    "supports_system_messages": "system",
    "supports_tool_choice": "tool_choice",
    "supports_forced_tool_use": "tool_choice",
    "supports_parallel_function_calling": "parallel_tools",
    "supports_sampling_params": "sampling",
}
"""What is worth a word only where the map says that it is not so."""

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def main() -> int:
    if len(sys.argv) != 3:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    wheel, day = Path(sys.argv[1]), sys.argv[2]
    with zipfile.ZipFile(wheel) as archive:
        entries: dict[str, dict[str, Any]] = json.loads(archive.read(_MAP))
    source = " ".join(wheel.name.split("-")[:2])
    _TARGET.write_text(_written(source, day, _models(entries)), encoding="utf-8")
    return 0


def _models(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {}
    for name, entry in entries.items():
        vendor, prefix = _VENDORS.get(entry.get("litellm_provider", ""), ("", ""))
        if vendor and entry.get("mode") in _MODES:
            row = list(_row(entry))
            rows = found.setdefault(vendor, {})
            short = name.removeprefix(prefix)
            if any(value is not None for value in row) and (short not in rows or name != short):
                rows[short] = row
    return found


def _row(entry: Mapping[str, Any]) -> Iterator[Any]:
    yield _whole(entry.get("max_input_tokens") or entry.get("max_tokens"))
    yield None if entry["mode"] == "embedding" else _whole(entry.get("max_output_tokens"))
    yield from _prices(entry, "")
    yield _capabilities(entry)
    if other := _other_prices(entry):
        yield other


def _prices(entry: Mapping[str, Any], behind: str) -> Iterator[float | None]:
    for key in _PRICES:
        price = entry.get(key + behind)
        yield None if price is None else float(f"{float(price) * 1e6:.8g}")


def _other_prices(entry: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    """Those above a number of input tokens (the number first), and those of service tiers; only what the map has."""
    found: dict[str, list[Any]] = {}
    limits = {int(match[1]) for key, price in entry.items() if price is not None and (match := _ABOVE.match(key))}
    if len(limits) > 1:
        raise ValueError(f"prices change more than once: above {sorted(limits)} thousand tokens")
    for limit in limits:
        found["above"] = [limit * 1000, *_prices(entry, f"_above_{limit}k_tokens")]
    for tier, behind in _TIERS.items():
        prices = list(_prices(entry, behind))
        if any(price is not None for price in prices):
            found[tier] = prices
    return found


def _capabilities(entry: Mapping[str, Any]) -> str | None:
    """Names in one text. An entry that says nothing of tools and modalities says nothing of what it cannot."""
    if entry["mode"] == "embedding":
        return "embeddings"
    if not any(key in entry for key in _CAPABILITIES):
        return None
    able = [word for key, word in _CAPABILITIES.items() if entry.get(key)]
    denied = dict.fromkeys(f"-{word}" for key, word in _DENIED.items() if entry.get(key) is False)
    return " ".join(["chat", *able, *denied, *_efforts(entry)])


def _efforts(entry: Mapping[str, Any]) -> Iterator[str]:
    """`+high`, `-minimal`: which efforts the map says are taken, and which not."""
    levels = entry.get("reasoning_effort_levels")
    for name in _EFFORTS:
        taken = entry.get(f"supports_{name}_reasoning_effort") if levels is None else name in levels
        if name == "none" and entry.get("thinking_always_on"):
            taken = False
        if taken is not None:
            yield f"{'+' if taken else '-'}{name}"


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 1 else None


def _written(source: str, date: str, models: Mapping[str, Mapping[str, list[Any]]]) -> str:
    """A line for each model, sorted: an update is a diff that can be read."""
    blocks = [
        f"{json.dumps(vendor)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(rows.items()))
        + "\n}"
        for vendor, rows in sorted(models.items())
    ]
    body = ",\n".join(blocks)
    return f'{{\n"source": {json.dumps(source)},\n"date": {json.dumps(date)},\n"models": {{\n{body}\n}}\n}}\n'


if __name__ == "__main__":
    sys.exit(main())
