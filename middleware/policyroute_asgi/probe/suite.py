"""A suite: the cases that targets are asked, as a file says them.

Rule of this module: whatever is wrong with the file is a problem with its place; what comes out can be asked.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, ValidationError

from policyroute.policy.complaints import brief
from policyroute.policy.report import Report, suggestion
from policyroute.policy.spelling import Strict
from policyroute.policy.text import SourceText
from policyroute.policy.tree import File, dotted, parse
from policyroute.problems import PolicyErrors
from policyroute.request import BadRequest, ModelRequest

_STARTER = "starter.yaml"
_LARGEST = 16 * 1024 * 1024
"""Bytes of a suite."""


class Expect(Strict):
    """What must hold of every answer, whatever the baseline says. What is left out may be anything."""

    refused: bool | None = None
    schema_valid: bool | None = None
    tool: str | None = None
    tools: Annotated[int, Field(ge=0)] | None = None
    finish: tuple[str, ...] | None = None
    contains: tuple[str, ...] | None = None
    not_contains: tuple[str, ...] | None = None


class Case(Strict):
    """`request` is the body of a chat in `openai_chat`; its `model` is the target's."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]
    request: dict[str, Any]
    expect: Expect = Expect()


class Band(Strict):
    """Latency has drifted where it is above `factor` times what it was and more than `ms` above it."""

    factor: Annotated[float, Field(ge=1)] = 2.0
    ms: Annotated[float, Field(ge=0)] = 500.0


class Suite(Strict):
    """`timeout` is seconds, for one answer."""

    version: Literal[1]
    latency: Band = Band()
    timeout: Annotated[float, Field(gt=0, le=3600)] = 120.0
    cases: Annotated[list[Case], Field(min_length=1)]


def load(path: Path | None) -> Suite:
    """The suite in a file, or the one that is shipped. Raises PolicyErrors, and OSError where it cannot be read."""
    report = Report()
    source = _shipped() if path is None else _read(path)
    report.sources[source.name] = source
    file = parse(source, report)
    suite = _checked(file, report) if file is not None else None
    if suite is None or report.problems:
        raise PolicyErrors(report.finished())
    return suite


def _shipped() -> SourceText:
    return SourceText(_STARTER, files("policyroute_asgi.probe").joinpath(_STARTER).read_text(encoding="utf-8"))


def _read(path: Path) -> SourceText:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise OSError(0, "it is too large")
    return SourceText(str(path), data.decode("utf-8", "replace"))


def _checked(file: File, report: Report) -> Suite | None:
    data = file.data(())
    try:
        # As JSON, a list may be read as a tuple.
        suite = Suite.model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            _complain(detail["type"], detail["loc"], brief(detail), file, report)
        return None
    except orjson.JSONEncodeError as error:
        report.error("wrong-value", str(error), file.span(()))
        return None
    seen: set[str] = set()
    for index, case in enumerate(suite.cases):
        place = ("cases", index, "name")
        if case.name in seen:
            report.error("duplicate-name", f"there are two cases `{case.name}`", file.span(place), path=dotted(place))
        seen.add(case.name)
        _readable(case, ("cases", index, "request"), file, report)
    return suite


def _complain(kind: str, loc: tuple[int | str, ...], said: str, file: File, report: Report) -> None:
    name = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        hint = suggestion(name, _holder(loc).model_fields)
        report.error("unknown-key", f"`{name}` is not a key here", file.key_span(loc), hint=hint, path=dotted(loc))
    elif kind == "missing":
        report.error("missing-key", f"`{name}` is missing", file.key_span(loc[:-1]), path=dotted(loc[:-1]))
    else:
        report.error("wrong-value", said, file.span(loc), path=dotted(loc))


def _holder(loc: tuple[int | str, ...]) -> type[Strict]:
    match loc:
        case ("latency", _):
            return Band
        case ("cases", _, "expect", *_):
            return Expect
        case ("cases", *_):
            return Case
        case _:
            return Suite


def _readable(case: Case, place: tuple[int | str, ...], file: File, report: Report) -> None:
    try:
        read(case, "probe", stream=True)
    except BadRequest as error:
        message = f"no gateway would take this request: {error}"
        report.error("wrong-value", message, file.span(place), path=dotted(place))


def read(case: Case, model: str, *, stream: bool) -> ModelRequest:
    """The case as a request for this model, streamed unless it says otherwise itself. Raises BadRequest."""
    body = {**case.request, "model": model}
    if body.setdefault("stream", stream):
        body.setdefault("stream_options", {"include_usage": True})
    return ModelRequest.read("openai_chat", orjson.dumps(body))
