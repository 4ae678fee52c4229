"""How the embedded provider behaves, by the name of the model it is asked for.

Rule of this module: names only. A name it does not know behaves well, so that any model can be tried without a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DESCRIBED: Final[dict[str, tuple[str, float, str]]] = {
    "ok": ("", 0, "answers"),
    "slow": ("s", 0.05, "answers, with this time between the events of a stream"),
    "slow-first-token": ("s", 2, "begins at once, but says its first word after this time"),
    "long": ("words", 2000, "answers with this many words"),
    "parallel": ("calls", 2, "where it must call a tool, calls it this many times in one answer"),
    "truncated": ("words", 3, "is cut at the token limit after this many words"),
    "throttle": ("s", 1, "429 `rate_limit_exceeded`, with this time as Retry-After"),
    "quota": ("", 0, "429 `insufficient_quota`"),
    "overloaded": ("", 0, "503 `server_is_overloaded`"),
    "500": ("", 0, "500, always"),
    "500-once": ("", 0, "500, then answers when the same is asked again; then 500 again"),
    "auth": ("", 0, "401 `invalid_api_key`, and shows part of the key as OpenAI does"),
    "not-found": ("", 0, "404 `model_not_found`"),
    "context-overflow": ("tokens", 0, "400 `context_length_exceeded` for prompts with more than this many tokens"),
    "refuse": ("", 0, "answers with a refusal"),
    "broken-schema": ("", 0, "breaks off in the middle of the JSON it was asked for, and calls it finished"),
    "empty": ("", 0, "finishes without having said anything"),
    "garbage": ("", 0, "200 and no JSON"),
    "stall": ("words", 3, "falls silent after this many words"),
    "cut": ("words", 3, "drops the connection after this many words"),
    "no-finish": ("words", 3, "ends the stream cleanly after this many words, unfinished"),
    "no-done": ("", 0, "finishes a stream without `[DONE]`"),
}
"""Behaviour -> (what its number means, the number where the name has none, what it does)."""

_NAME = re.compile(
    rf"(?:.*[:/])?({'|'.join(sorted(map(re.escape, DESCRIBED), key=len, reverse=True))})(?:-(\d+(?:\.\d+)?)(ms|s)?)?"
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`number` is seconds, words, calls or tokens, as `DESCRIBED` says."""

    name: str
    number: float

    @classmethod
    def of(cls, model: str) -> Behaviour:
        """`throttle`, `throttle-7s`, `any-name:stall-0`, `vendor/slow-first-token-250ms`; anything else is `ok`."""
        found = _NAME.fullmatch(model)
        if found is None:
            return cls("ok", 0)
        name, number, unit = found.groups()
        if number is None:
            return cls(name, DESCRIBED[name][1])
        return cls(name, float(number) / 1000 if unit == "ms" else float(number))
