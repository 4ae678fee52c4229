"""What is known of a target, and who says so: for `policyroute explain`.

Rule of this module: what nobody says is left out, never shown as a zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyroute.absent import Absent
from policyroute.policy.known import GENERAL
from policyroute.policy.model import Price, Target


def known_json(target: Target) -> dict[str, Any]:
    """Each fact as `value` and `from`."""
    values = {
        "context_window": target.context_window,
        "max_output_tokens": target.max_output_tokens,
        "price": _price_json(target.price),
        "supports": dict(target.supports),
    }
    return {name: {"value": values[name], "from": origin} for name, origin in target.origins.items()}


def known_words(target: Target) -> Iterator[str]:
    """A line for each who says something of this very target: its dialect and its vendor speak of all they serve."""
    words = {
        "context_window": f"window {target.context_window}",
        "max_output_tokens": f"answers up to {target.max_output_tokens}",
        "price": f"price {_price_words(target.price)}",
        "supports": "capabilities",
    }
    for origin in dict.fromkeys(each for each in target.origins.values() if each != GENERAL):
        said = (words[name] for name, by in target.origins.items() if by == origin)
        yield f"{'; '.join(said)} (from {origin})"


def _price_json(price: Price) -> dict[str, Any]:
    shown: dict[str, Any] = dict(_rates(price))
    if price.above is not None:
        shown["above"] = {"tokens": price.above[0], **dict(_rates(price.above[1]))}
    if price.tiers:
        shown["tiers"] = {name: dict(_rates(each)) for name, each in price.tiers.items()}
    return shown


def _price_words(price: Price) -> str:
    parts = [_in_words(price)]
    if price.above is not None:
        parts.append(f"above {price.above[0]} tokens {_in_words(price.above[1])}")
    parts += [f"{name} {_in_words(each)}" for name, each in price.tiers.items()]
    return ", ".join(parts)


def _in_words(price: Price) -> str:
    """Input and output, as people say it."""
    known = dict(_rates(price))
    return " / ".join(f"{known[name]:g}" if name in known else "?" for name in ("input", "output"))


def _rates(price: Price) -> Iterator[tuple[str, float]]:
    for name in ("input", "cached_input", "cache_write", "output"):
        value = getattr(price, name)
        if not isinstance(value, Absent):
            yield name, value
