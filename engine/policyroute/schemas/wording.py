"""The texts that ask for JSON from a target that has no word for it.

Rule of this module: fixed words, and the same bytes for the same schema, so that a provider's prompt cache holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from policyroute.schemas.limits import TooDeep, TooLarge, measured

MAX_SCHEMA: Final = 60_000
"""Characters of a schema that is put into a prompt."""

_JSON_ONLY: Final = (
    "Answer with one valid JSON object and nothing else: no text before or after it, no comments, no code fence."
)
_BY_SCHEMA: Final = (
    "Answer with one JSON value that is valid under the JSON Schema below and nothing else: no text before or after "
    "it, no comments, no code fence. The schema itself is not part of the answer.\n\n"
)


def json_only() -> str:
    return _JSON_ONLY


def instruction(schema: Mapping[str, Any]) -> str:
    """The text that asks for JSON by a schema; for any JSON object where the schema is too long for a prompt."""
    try:
        measured(schema)
    except (TooDeep, TooLarge):
        return _JSON_ONLY
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _BY_SCHEMA + text if len(text) <= MAX_SCHEMA else _JSON_ONLY
