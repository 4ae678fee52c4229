"""Which schema an answer has to fit, and the name it is counted under.

Rule of this module: what a rule expects comes before what the client asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyroute.absent import Absent
from policyroute.integrity.validation import ANY_OBJECT, Unusable, validator
from policyroute.request import ModelRequest, Operation


def schema_of(request: ModelRequest, expected: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What the answer to this request has to fit: what a rule `expected`, else what the client asked for, if that is
    more than text."""
    if request.operation is not Operation.CHAT:
        return None
    if expected is not None:
        return expected
    wanted = request.response_format
    if isinstance(wanted, Absent) or wanted.type == "text":
        return None
    return wanted.schema or ANY_OBJECT


def hash_of(schema: Mapping[str, Any] | None) -> str:
    """Its sha256 (hex); empty where there is none, or none that can be checked."""
    try:
        return "" if schema is None else validator(schema).hash
    except Unusable:
        return ""
