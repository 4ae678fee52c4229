"""The effect `budget` as it is written.

Rule of this module: shapes and ranges only, as in `policy.effects`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from policyroute.policy.spelling import Cel, Identifier, Strict, seconds, wrong

_CALENDAR: Final = ("day", "month")
_LONGEST: Final = 366 * 86400.0
"""Seconds of a window: what is kept for it is kept as long."""


def _window(value: Any) -> float | str:
    if value in _CALENDAR:
        return str(value)
    found = seconds(value)
    if not 1.0 <= found <= _LONGEST:
        raise wrong("bad-window", "a budget is for a second to a year", "a duration such as 24h, or day or month")
    return found


WindowLength = Annotated[
    float | str,
    BeforeValidator(_window),
    WithJsonSchema({"type": "string", "description": "day, month, or a duration: 1h, 24h, 7d"}),
]


class BudgetSpec(Strict):
    """How much may be spent."""

    name: Annotated[Identifier, Field(description="as in budgets.NAME")]
    limit_usd: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
    per: Annotated[Cel | None, Field(description="whose share it is, a text; without it all of a tenant share one")] = (
        None
    )
    window: WindowLength
    tz: Annotated[str, Field(description="of day and month: UTC, +02:00, Europe/Berlin")] = "UTC"
    warn: Annotated[float, Field(gt=0, le=1, description="share of the limit at which the log says so, once")] = 0.8
    then: Annotated[
        Literal["deny", "count"], Field(description="count: nothing is refused; rules may read budgets.NAME")
    ] = "deny"
