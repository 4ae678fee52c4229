"""Values in a message.

Rule of this module: as JSON, and short.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from policyroute.schemas.vocabulary import is_list, is_map

_LONGEST: Final = 80
_MOST: Final = 8


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(value: Any) -> str:
    """What kind of value it is where it has others in it."""
    if is_list(value) or is_map(value):
        return f"an {'array' if is_list(value) else 'object'} of {len(value)}"
    return orjson.dumps(cut(value, _LONGEST) if isinstance(value, str) else value).decode()


def listed(values: Iterable[Any]) -> str:
    every = list(values)
    return ", ".join(map(shown, every[:_MOST])) + (", …" if len(every) > _MOST else "")
