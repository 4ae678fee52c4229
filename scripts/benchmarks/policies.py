"""Policies and requests to measure with: a rule mix like that of a large company, made from a seed.

40 % header and tenant and size, 20 % model prefix and tokens, 15 % tier and team, 10 % tools, 10 % response format and
metadata, 5 % alternatives. Of the rules that can fire, most set limits and headers; every tenth routes.
"""

from __future__ import annotations

import random
from typing import Any

import orjson
import yaml

TARGETS = ("gpt", "claude", "mini", "eu", "local", "large", "fast", "cheap")
_PROFILES = ("CHAT", "AGENT", "BATCH", "SAVINGS")
_MODELS = ("gpt-5", "gpt-5-mini", "claude-sonnet-5", "gemini-3-pro", "qwen3-235b", "mistral-large")
_TIERS = ("free", "pro", "enterprise")
_TOOLS = ("search", "sql", "browser", "mail", "calendar", "shell")


def directory(rules: int, upstream: str, *, extra: dict[str, Any] | None = None, seed: int = 7) -> str:
    """The YAML of a policy set with this many rules, whose providers all are at `upstream`."""
    rng = random.Random(seed)
    document: dict[str, Any] = {
        "version": 1,
        "use": ["profiles"],
        "providers": {
            name: {
                "dialect": "openai_chat",
                "base_url": upstream,
                "region": "eu" if name == "p1" else "us",
                "clearance": "confidential",
            }
            for name in ("p0", "p1")
        },
        "targets": {
            name: {
                "provider": f"p{number % 2}",
                "model": f"{name}-model",
                "quality": 0.5 + number / 20,
                "context_window": 200_000,
                "price": {"input": 1.0 + number, "output": 4.0 + number},
            }
            for number, name in enumerate(TARGETS)
        },
        "constants": {"paying": ["pro", "enterprise"]},
        "rules": [_rule(rng, number) for number in range(rules)],
        "default": {"route": ["requested", *TARGETS]},
    }
    if extra:
        document["providers"].update(extra.get("providers", {}))
        document["targets"].update(extra.get("targets", {}))
        document["rules"] = extra.get("rules", []) + document["rules"]
        document |= {name: section for name, section in extra.items() if name not in document}
    return yaml.safe_dump(document, sort_keys=False, width=10_000)


def _rule(rng: random.Random, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": f"r{number}", "when": _condition(rng)}
    match number % 10:
        case 0:
            rule["route"] = rng.sample(TARGETS, 4)
        case 1:
            rule["require"] = 'target.region in ["us", "eu"]'
        case 2:
            rule["deny"] = {"status": 403, "code": "blocked", "message": "Not today"}
            rule["when"] += f' && client.tags["blocked"] == "b{number}"'
        case 3 | 4:
            rule["fallback"] = {"max_swaps": rng.randint(1, 4)}
        case _:
            rule["limits"] = {"ttft": f"{rng.randint(5, 40)}s"}
    return rule


def _condition(rng: random.Random) -> str:
    tenant = f'client.tenant == "t{rng.randrange(200)}"'
    roll = rng.random()
    if roll < 0.40:
        size = rng.randrange(1000, 60_000)
        return f'request.headers["x-feature"] == "f{rng.randrange(50)}" && {tenant} && request.size > {size}'
    if roll < 0.60:
        tokens = rng.randrange(1000, 90_000)
        return f'request.model.startsWith("{rng.choice(_MODELS)}") && request.input_tokens > {tokens}'
    if roll < 0.75:
        return f'client.tier == "{rng.choice(_TIERS)}" && client.team == "team{rng.randrange(60)}" && {tenant}'
    if roll < 0.85:
        tool = rng.choice(_TOOLS)
        return (
            f'request.tools.exists(t, t.name == "{tool}") && size(request.messages) > {rng.randrange(20)} && {tenant}'
        )
    if roll < 0.95:
        return f'request.profile == "{rng.choice(_PROFILES)}" && request.metadata["job"] == "j{rng.randrange(80)}"'
    return f'(client.team == "team{rng.randrange(60)}" || request.size > {rng.randrange(80_000, 200_000)}) && {tenant}'


def chat_request(rng: random.Random) -> tuple[bytes, dict[str, str], dict[str, Any]]:
    """A body, headers and client facts that some of the rules match."""
    turns = [
        {"role": "user" if turn % 2 == 0 else "assistant", "content": "word " * rng.randrange(20, 200)}
        for turn in range(rng.randrange(1, 12))
    ]
    messages = [{"role": "system", "content": "You are a careful assistant. " * 10}, *turns]
    body: dict[str, Any] = {"model": rng.choice(_MODELS), "messages": messages, "temperature": 0.3}
    if rng.random() < 0.4:
        function = {"name": rng.choice(_TOOLS), "description": "A tool", "parameters": {"type": "object"}}
        body["tools"] = [{"type": "function", "function": function}]
    if rng.random() < 0.3:
        body["metadata"] = {"job": f"j{rng.randrange(80)}"}
    headers = {
        "content-type": "application/json",
        "x-feature": f"f{rng.randrange(50)}",
        "x-router-profile": rng.choice(_PROFILES),
    }
    client = {
        "id": "c1",
        "tenant": f"t{rng.randrange(200)}",
        "team": f"team{rng.randrange(60)}",
        "tier": rng.choice(_TIERS),
    }
    return orjson.dumps(body), headers, client
