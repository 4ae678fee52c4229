"""The request fields that `transform` may write: a closed list, in no provider's words.

Rule of this module: one row a field. The schema, the checks of literal and `{cel: ...}` values, the documentation and
the dialects' writers all go by this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from policyroute.cel.types import BOOL, DOUBLE, DYN, INT, STRING, Type, enum_of, list_of, map_of

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class BodyField:
    """`type` is what a `{cel: ...}` value must be; `literal` the annotation a literal is checked by."""

    type: Type
    literal: Any
    doc: str


_Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
_Short = Annotated[str, Field(min_length=1, max_length=512)]

BODY_FIELDS: Mapping[str, BodyField] = {
    "temperature": BodyField(DOUBLE, Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)], "0 to 2"),
    "top_p": BodyField(DOUBLE, _Ratio, "0 to 1"),
    "max_tokens": BodyField(
        INT, Annotated[int, Field(ge=1)], "the most tokens the answer may have, reasoning included"
    ),
    "stop": BodyField(list_of(STRING), Annotated[list[_Short], Field(min_length=1, max_length=16)], "a list of texts"),
    "seed": BodyField(INT, int, "for providers that sample reproducibly"),
    "presence_penalty": BodyField(DOUBLE, _Penalty, "-2 to 2"),
    "frequency_penalty": BodyField(DOUBLE, _Penalty, "-2 to 2"),
    "tool_choice": BodyField(STRING, _Short, "`auto`, `none`, `required`, or the one tool that must be called"),
    "parallel_tool_calls": BodyField(BOOL, bool, "whether several tools may be called at once"),
    "reasoning_effort": BodyField(enum_of(*EFFORTS), Literal[EFFORTS], ", ".join(f"`{effort}`" for effort in EFFORTS)),
    "response_format": BodyField(
        map_of(STRING, DYN), dict[str, Any], "`{type: text | json_object | json_schema, name, schema, strict}`"
    ),
    "metadata": BodyField(map_of(STRING, STRING), dict[str, str], "a map of strings, written whole"),
    "user": BodyField(STRING, _Short, "an id of the end user"),
}
"""By neutral name. `model`, `messages`, `tools` and `stream` are not here: routing and the client decide them."""
