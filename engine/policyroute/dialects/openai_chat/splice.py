"""Another model's name in the client's own bytes.

Rule of this module: bytes are spliced only where it is certain, without reading the body again, which of them are the
top-level model; any doubt, and the body is written anew from what was parsed.

Why it is certain: a quote inside a JSON string is escaped, so `"model"` with no backslash before it is a whole string.
A key could also be spelled with `\\u` escapes; without `\\u00` anywhere in the body none is. So if `"model"` stands
exactly once in the bytes and the parsed body has a top-level `model`, that one is it, and it is not given twice.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

# Searching by pattern takes half the time of `bytes.find` here.
_KEY = re.compile(rb'"model"')
_ESCAPED = re.compile(rb"\\u00")
_BACKSLASH = 0x5C
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")')


def with_model(body: bytes, data: dict[str, Any], model: str) -> bytes:
    """The body asking for `model`; `data` is the body parsed."""
    key = _KEY.search(body)
    if key and body[key.start() - 1] != _BACKSLASH and not _KEY.search(body, key.end()) and not _ESCAPED.search(body):
        value = _VALUE.match(body, key.end())
        if value:
            return body[: value.start(1)] + orjson.dumps(model) + body[value.end(1) :]
    return orjson.dumps({**data, "model": model})
