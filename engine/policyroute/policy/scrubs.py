"""The section `scrub`: what authors say of texts, from what is written to profiles.

Rule of this module: a selector that would take everything does not load, and a pattern runs on RE2 or does not load.
"""

# ruff: noqa: RUF012  (pydantic copies defaults)
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from policyroute.cel import Demand, Environment
from policyroute.cel.types import BOOL, CLEARANCE, STRING, Phase, enum_of, record
from policyroute.cel.types import Field as CelField
from policyroute.clearance import Clearance
from policyroute.policy.effects import Label, Text
from policyroute.policy.expressions import Environments, Expressions
from policyroute.policy.names import spelled
from policyroute.policy.spelling import Cel, Name, Strict, one_of
from policyroute.policy.tree import File, Path, dotted
from policyroute.scrub.patterns import NoPattern, ranges, titles
from policyroute.scrub.profile import TAGS, Assertions, Profile, Selector, tagged
from policyroute.scrub.segment import KINDS, ROLES, Segment

_T = TypeVar("_T")

TagName = Annotated[str, spelled(r"^[a-z][a-z0-9_-]*$", "a-z, 0-9 and `_-`, and begins with a letter", 64)]
_Pattern = Annotated[str, Field(min_length=1, max_length=10_000, description="RE2")]
_Several = Annotated[list[str], Field(min_length=1, max_length=256)]
RoleName = Annotated[str, one_of(ROLES)]
KindName = Annotated[str, one_of(KINDS)]


class SelectSpec(Strict):
    """What a text is. Of `tag` to `cel` all must hold of it; `tag`, `heading` and `re` take stretches of a text."""

    id: Name
    tag: TagName | None = None
    heading: Annotated[_Pattern | None, Field(description="RE2: the section under a heading in which it is found")] = (
        None
    )
    re: _Pattern | None = None
    role: RoleName | None = None
    kind: KindName | None = None
    tool: Annotated[str | None, Field(max_length=256, description="the tool whose it is")] = None
    metadata: Annotated[
        dict[str, str] | None, Field(min_length=1, max_length=16, description="what its message's metadata says")
    ] = None
    cel: Annotated[Cel | None, Field(description="over `segment`")] = None
    label: Label | None = None
    required: bool | None = None
    action: Annotated[
        Literal["drop", "pseudonymise", "refuse"] | None, Field(description="what is done where it may not go")
    ] = None
    replace: Annotated[Text | None, Field(description="what stands in its place where it may not go")] = None


class AssertSpec(Strict):
    """What has to be true of what is sent, or nothing is."""

    must_keep: Annotated[_Several | None, Field(description="ids of selectors, or texts: sent as they are")] = None
    must_drop: Annotated[_Several | None, Field(description="ids of selectors, or texts: never cross a boundary")] = (
        None
    )
    min_kept_ratio: dict[RoleName, Annotated[float, Field(ge=0, le=1)]] | None = None
    max_forward_bytes: Annotated[int, Field(ge=1)] | None = None


class ScrubSpec(Strict):
    """A profile: how secret texts are, which are required, and what is done about those that may not go."""

    tags: Annotated[
        dict[TagName, Literal["public", "internal", "confidential", "secret", "required"]] | None,
        Field(max_length=32, description="tags in system text and descriptions of tools; left out, the shipped ones"),
    ] = None
    select: Annotated[list[SelectSpec], Field(max_length=64)] = []
    defaults: Annotated[
        dict[Annotated[str, one_of((*ROLES, *KINDS))], Label],
        Field(description="labels by role or kind, of what no selector labels"),
    ] = {}
    system_fallback: Annotated[
        Text | None, Field(description="said in place of the system text where that may not go as it is")
    ] = None
    description_public: Annotated[
        dict[str, Annotated[str, Field(max_length=100_000)]], Field(description="by tool, likewise for descriptions")
    ] = {}
    canaries: Annotated[
        list[Annotated[str, Field(min_length=8, max_length=200)]],
        Field(max_length=64, description="strings that stand in what is secret: whoever says one has told of it"),
    ] = []
    assert_: Annotated[AssertSpec, Field(alias="assert")] = AssertSpec()


SEGMENT: Final = record(
    "segment",
    {
        "role": CelField(enum_of(*ROLES), "who says it; `request`: it stands outside of the conversation"),
        "kind": CelField(enum_of(*KINDS), "what it is"),
        "text": CelField(STRING, "the text"),
        "name": CelField(STRING, "the tool whose it is, or empty"),
        "label": CelField(CLEARANCE, "how secret it is by `defaults`"),
    },
)


@dataclass(frozen=True, slots=True, repr=False)
class SegmentFacts:
    """What an expression over `segment` is evaluated with."""

    segment: Segment


def profile(name: str, spec: ScrubSpec, file: File, expressions: Expressions) -> Profile:
    """What is wrong with it is reported, and left out."""
    own = Environment({"segment": SEGMENT}, constants=expressions.environments.own.constants)
    scope = _Scope(file, ("scrub", name), replace(expressions, environments=Environments(own, own)))
    asserted = spec.assert_
    return Profile(
        name,
        (*tagged(TAGS if spec.tags is None else spec.tags), *scope.selectors(spec.select)),
        {each: Clearance.named(label) for each, label in spec.defaults.items()},
        spec.system_fallback or "",
        spec.description_public,
        Assertions(
            tuple(asserted.must_keep or ()),
            tuple(asserted.must_drop or ()),
            asserted.min_kept_ratio or {},
            asserted.max_forward_bytes,
        ),
        tuple(spec.canaries),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    file: File
    path: Path
    expressions: Expressions

    def selectors(self, specs: Sequence[SelectSpec]) -> Iterator[Selector]:
        seen: set[str] = set()
        for index, spec in enumerate(specs):
            path: Path = (*self.path, "select", index)
            if spec.id in seen:
                self._wrong("duplicate-item", "two selectors have this id", (*path, "id"), "give this one another")
            seen.add(spec.id)
            if self._says_something(spec, path):
                yield self._selector(spec, path)

    def _says_something(self, spec: SelectSpec, path: Path) -> bool:
        if spec.label is None and spec.required is None:
            hint = "add `label: confidential`, or `required: true`"
            return self._wrong("wrong-value", "this selector says nothing of what it takes", path, hint)
        if spec.replace is not None and spec.action is not None:
            hint = "`replace` is what is done: leave out `action`"
            return self._wrong("wrong-value", "one thing is done with a text that may not go", path, hint)
        if all(getattr(spec, key) is None for key in _TAKES):
            hint = f"name what it takes: {', '.join(_TAKES)}; or write it under `defaults`"
            return self._wrong("wrong-value", "this selector takes everything", path, hint)
        return True

    def _wrong(self, code: str, message: str, path: Path, hint: str | None = None) -> bool:
        self.expressions.report.error(code, message, self.file.span(path), hint=hint, path=dotted(path))
        return False

    def _selector(self, spec: SelectSpec, path: Path) -> Selector:
        return Selector(
            spec.id,
            Clearance.named(spec.label) if spec.label else None,
            spec.required,
            "replace" if spec.replace is not None else spec.action or "drop",
            spec.replace or "",
            spec.tag or "",
            self._pattern(titles, spec.heading, (*path, "heading")),
            self._pattern(ranges, spec.re, (*path, "re")),
            _one(spec.role),
            _one(spec.kind),
            _one(spec.tool),
            spec.metadata or {},
            self._condition((*path, "cel")) if spec.cel is not None else None,
        )

    def _pattern(self, made: Callable[[str], _T], text: str | None, path: Path) -> _T | None:
        if text is None:
            return None
        try:
            return made(text)
        except NoPattern as error:
            self._wrong("bad-pattern", f"not an RE2 pattern that can be used: {error}", path)
        return None

    def _condition(self, path: Path) -> Callable[[Segment], bool] | None:
        expression = self.expressions.compile(self.file, path, Demand(BOOL, Phase.REQUEST))
        if expression is None:
            return None
        evaluate: Callable[[Any], Any] = expression.evaluate
        return lambda segment: evaluate(SegmentFacts(segment)) is not False


_TAKES: Final = ("tag", "heading", "re", "role", "kind", "tool", "metadata", "cel")
"""The keys of a selector that say what it takes."""


def _one(value: str | None) -> frozenset[str]:
    return frozenset({value}) if value is not None else frozenset()
