"""What the files of a policy set declare, by name, and the packs they use.

Rule of this module: a name stands for one thing. The second place that declares it is told of the first, whatever file
it is in; that something is declared counts even where it is written wrongly, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policyroute.policy.document import RuleSpec
from policyroute.policy.reading import Loaded, read
from policyroute.policy.report import Report, suggestion
from policyroute.policy.spelling import is_list, is_map
from policyroute.policy.text import SourceText
from policyroute.policy.tree import File, Path, dotted

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule as it is written. `id` is that in the set: a pack's rule is `pack/rule`."""

    id: str
    spec: RuleSpec
    file: File
    path: Path


def packs_used(files: Iterable[Loaded], packs: Mapping[str, str], report: Report) -> Mapping[str, Loaded]:
    """The packs that the files use, in the order they are first named."""
    used: dict[str, Loaded] = {}
    for loaded in files:
        for index, name in enumerate(loaded.document.use):
            if name not in packs:
                path: Path = ("use", index)
                message = f"no shipped pack is called `{name}`"
                hint = suggestion(name, packs)
                report.error("unknown-pack", message, loaded.file.span(path), hint=hint, path=dotted(path))
            elif name not in used and (pack := read(SourceText(f"{name} (pack)", packs[name], True), report)):
                used[name] = pack
    return used


def declared(section: str, files: Iterable[Loaded], report: Report) -> Mapping[str, Loaded]:
    """The file that declares each name of a section."""
    found: dict[str, Loaded] = {}
    for loaded in files:
        written = loaded.sections.get(section)
        for name in written if is_map(written) else ():
            path: Path = (section, name)
            first = found.setdefault(name, loaded)
            if first is not loaded:
                _twice(f"{section.removesuffix('s')} `{name}`", loaded, path, first.file.key_span(path), report)
    return found


def constants(files: Mapping[str, Loaded], report: Report) -> Mapping[str, Any]:
    """The value of each constant."""
    values: dict[str, Any] = {}
    for name, loaded in files.items():
        path: Path = ("constants", name)
        values[name] = loaded.file.data(path)
        if any(isinstance(value, int) and abs(value) > _LARGEST for value in _spread(values[name])):
            message = "a whole number is at most 9223372036854775807 in CEL"
            report.error("wrong-value", message, loaded.file.span(path), hint="write it as text", path=dotted(path))
            values[name] = 0
    return values


def rules(files: Iterable[Loaded], packs: Mapping[str, Loaded], report: Report) -> list[WrittenRule]:
    """Every well-formed rule that is not disabled: the files', then the packs'."""
    own = [each for loaded in files for each in _rules_of(loaded, "")]
    shipped = [each for name, pack in packs.items() for each in _rules_of(pack, f"{name}/")]
    disabled = _disabled(files, packs, {each.id for each in shipped}, report)
    found: dict[str, WrittenRule] = {}
    for each in (*own, *shipped):
        first = found.setdefault(each.id, each)
        if first is not each:
            place = first.file.span((*first.path, "id"))
            span = each.file.span((*each.path, "id"))
            hint = f"it is first at {place}; give this one another id"
            report.error("duplicate-name", f"two rules are called `{each.id}`", span, hint=hint, path=dotted(each.path))
    return [each for name, each in found.items() if name not in disabled]


def only(section: str, files: Iterable[Loaded], report: Report) -> Loaded | None:
    """The one file that has a section of which a set has one."""
    having = [loaded for loaded in files if loaded.sections.get(section) is not None]
    for loaded in having[1:]:
        _twice(f"section `{section}`", loaded, (section,), having[0].file.key_span((section,)), report)
    return having[0] if having else None


def default_file(files: Iterable[Loaded], report: Report, complete: bool) -> Loaded | None:
    """The file that has the default. None where there is none, or where it is written wrongly."""
    having = only("default", files, report)
    if having is None and complete:
        first = next(iter(files)).file
        hint = "add `default: {route: [requested]}`, or name a target there"
        message = "no file says what happens where no rule routes"
        report.error("missing-default", message, first.source.span(0, 0), hint=hint, path="default")
    return having if having and having.document.default is not None else None


def _rules_of(loaded: Loaded, prefix: str) -> Iterator[WrittenRule]:
    for index, spec in zip(loaded.rules, loaded.document.rules, strict=True):
        yield WrittenRule(prefix + spec.id, spec, loaded.file, ("rules", index))


def _disabled(files: Iterable[Loaded], packs: Mapping[str, Loaded], known: set[str], report: Report) -> set[str]:
    named: set[str] = set()
    for loaded in files:
        for index, name in enumerate(loaded.document.disable):
            named.add(name)
            if name not in known:
                path: Path = ("disable", index)
                hint = suggestion(name, known) or "only rules of packs that are used can be disabled: use `mode: off`"
                message = f"no pack that is used has a rule `{name}`"
                report.error("unknown-rule", message, loaded.file.span(path), hint=hint, path=dotted(path))
    return named


def _twice(what: str, loaded: Loaded, path: Path, first: object, report: Report) -> None:
    message = f"the {what} is defined twice"
    hint = f"it is first at {first}; keep one of them"
    report.error("duplicate-name", message, loaded.file.key_span(path), hint=hint, path=dotted(path))


def _spread(value: Any) -> Iterator[Any]:
    yield value
    if is_map(value):
        value = list(value.values())
    if is_list(value):
        for item in value:
            yield from _spread(item)
