"""How good targets are and have to be, by the kind of task: as it is written, and as values.

Rule of this module: where nobody can say what kind of task it is, a target is as good as its worst number and a floor
as high as its highest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from policyroute.absent import ABSENT, Absent
from policyroute.policy.names import spelled
from policyroute.policy.spelling import Strict, wrong

TASK: Final = "task"
"""The variable that says what kind of task a request is."""


@dataclass(frozen=True, slots=True)
class ByTask:
    """A number (0 to 1) for each kind of task: `tagged` by its tag, `otherwise` for all others, ABSENT where nobody
    says."""

    otherwise: float | Absent = ABSENT
    tagged: Mapping[str, float] = field(default_factory=dict[str, float])

    def of(self, task: str) -> float | Absent:
        return self.tagged.get(task, self.otherwise)

    @property
    def lowest(self) -> float | Absent:
        return ABSENT if isinstance(self.otherwise, Absent) else min(self.otherwise, *self.tagged.values(), 1.0)

    @property
    def highest(self) -> float:
        known = () if isinstance(self.otherwise, Absent) else (self.otherwise,)
        return max((*known, *self.tagged.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Floor:
    """The least quality. `unknown_may`: a target of which nobody says how good it is may serve all the same."""

    least: ByTask
    unknown_may: bool = False


Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TaskTag = Annotated[str, spelled(r"^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$", "A-Z, a-z, 0-9 and `_.:/-`", 64)]


class QualityMap(Strict):
    """By the kind of task, which is the variable `task`."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"not": {"required": ["unknown"]}})
    __pydantic_extra__: dict[TaskTag, Ratio]  # pyright: ignore[reportIncompatibleVariableOverride]

    default: Annotated[Ratio | None, Field(description="for all other kinds")] = None

    @model_validator(mode="before")
    @classmethod
    def _free(cls, value: Any) -> Any:
        if isinstance(value, dict) and "unknown" in value:
            raise wrong("reserved-name", "`unknown` is no kind of task", "it is a word of `quality_floor`: rename it")
        return value  # pyright: ignore[reportUnknownVariableType]


class FloorMap(Strict):
    """By the kind of task, which is the variable `task`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[TaskTag, Ratio]  # pyright: ignore[reportIncompatibleVariableOverride]

    default: Annotated[Ratio, Field(description="for all other kinds")]
    unknown: Annotated[
        Literal["refuse", "allow"],
        Field(description="what becomes of targets of which nobody says how good they are"),
    ] = "refuse"


def _number_or_map(value: Any) -> str:
    return "map" if isinstance(value, dict | Strict) else "number"


QualitySpec = Annotated[
    Annotated[Ratio, Tag("number")] | Annotated[QualityMap, Tag("map")], Discriminator(_number_or_map)
]
FloorSpec = Annotated[Annotated[Ratio, Tag("number")] | Annotated[FloorMap, Tag("map")], Discriminator(_number_or_map)]


def quality(spec: float | QualityMap | None) -> ByTask:
    if not isinstance(spec, QualityMap):
        return ByTask(ABSENT if spec is None else spec)
    return ByTask(ABSENT if spec.default is None else spec.default, spec.__pydantic_extra__)


def floor(spec: float | FloorMap) -> Floor:
    if not isinstance(spec, FloorMap):
        return Floor(ByTask(spec))
    return Floor(ByTask(spec.default, spec.__pydantic_extra__), spec.unknown == "allow")
