"""Whatever goes by the kind of task needs somebody to say what that is: the variable `task`.

Rule of this module: it is asked only where a policy names kinds of tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from policyroute.cel import Expression
from policyroute.cel.types import Kind
from policyroute.policy.qualities import TASK, FloorMap, QualityMap
from policyroute.policy.reading import Loaded
from policyroute.policy.report import Report
from policyroute.policy.tree import File, Path, dotted

_HINT = """say what kind of task a request is: variables: {task: 'request.metadata["task"]'}"""


def check_tasks(
    files: Iterable[Loaded], declared: Collection[str], variables: Mapping[str, Expression], report: Report
) -> None:
    """Report every map by tasks, if there is no variable `task` that is a string. One that is wrong in itself is in the
    report already. `declared` are the names of all variables."""
    task = variables.get(TASK)
    if (task is None and TASK in declared) or (task is not None and task.type.kind is Kind.STRING):
        return
    for file, path in _by_task(files):
        if task is None:
            message, hint = "this goes by the kind of task, and there is no variable `task`", _HINT
        else:
            message = f"this goes by the kind of task, and the variable `task` is no string but {task.type}"
            hint = "its value is compared with the names in this map: string(...)"
        report.error("no-task", message, file.key_span(path), hint=hint, path=dotted(path))


def _by_task(files: Iterable[Loaded]) -> Iterator[tuple[File, Path]]:
    for loaded in files:
        for name, target in loaded.document.targets.items():
            if isinstance(target.quality, QualityMap) and target.quality.__pydantic_extra__:
                yield loaded.file, ("targets", name, "quality")
        for index, rule in zip(loaded.rules, loaded.document.rules, strict=True):
            if isinstance(rule.quality_floor, FloorMap) and rule.quality_floor.__pydantic_extra__:
                yield loaded.file, ("rules", index, "quality_floor")
