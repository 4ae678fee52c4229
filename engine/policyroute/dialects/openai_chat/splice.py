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

_KEY = b'"model"'
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")')


def with_model(body: bytes, data: dict[str, Any], model: str) -> bytes:
    """The body asking for `model`; `data` is the body parsed."""
    key = body.find(_KEY)
    if key > 0 and body.find(_KEY, key + 1) < 0 and body[key - 1] != 0x5C and b"\\u00" not in body:
        value = _VALUE.match(body, key + len(_KEY))
        if value:
            return body[: value.start(1)] + orjson.dumps(model) + body[value.end(1) :]
    return orjson.dumps({**data, "model": model})
