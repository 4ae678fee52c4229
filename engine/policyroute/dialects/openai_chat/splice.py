"""Another model's name in the client's own bytes.

Rule of this module: bytes are spliced only where it is certain, without reading the body again, which of them are the
top-level model; any doubt, and the body is written anew from what was parsed.

Why it is certain: the parsed body has a top-level `model`. A key can be spelled with `\\u` escapes, but without `\\u00`
anywhere in the body none is, so that one stands there as `"model"`. Where these bytes occur once, they are it, and it
is not given twice.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

# Searching by pattern takes half the time of `bytes.find` here.
_KEY = re.compile(rb'"model"')
_ESCAPED = re.compile(rb"\\u00")
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")')


def with_model(body: bytes, data: dict[str, Any], model: str) -> bytes:
    """The body asking for `model`; `data` is the body parsed."""
    key = _KEY.search(body)
    if key and not _KEY.search(body, key.end()) and not _ESCAPED.search(body):
        value = _VALUE.match(body, key.end())
        if value:
            return body[: value.start(1)] + orjson.dumps(model) + body[value.end(1) :]
    return orjson.dumps({**data, "model": model})
