"""Two rules that write the same thing are a mistake, unless they can never both fire.

Rule of this module: only what follows from the conditions' form counts as proof; in doubt it is a conflict.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policyroute.cel import Atom, Operator
from policyroute.cel.region import exclude
from policyroute.policy.actions import Headers, Transform
from policyroute.policy.model import Mode, Rule
from policyroute.policy.report import Report
from policyroute.policy.tree import File, MapNode, Path, dotted

_Atoms = Mapping[Hashable, tuple[Atom, ...]]


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule and where it is written."""

    rule: Rule
    file: File
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class _Writer:
    """One write. `shared`: others may write it too, unless they replace it. `atoms`: what holds whenever it is done."""

    placed: PlacedRule
    path: Path
    atoms: _Atoms
    shared: bool = False


def report_conflicts(rules: Iterable[PlacedRule], report: Report) -> None:
    """Report every write that a rule before it may do too: once a write, against the first such rule."""
    by_thing: dict[str, list[_Writer]] = defaultdict(list)
    for placed in rules:
        if placed.rule.mode is Mode.ENFORCE:
            for thing, writer in _writes(placed):
                by_thing[thing].append(writer)
    for thing, writers in by_thing.items():
        for earlier, later in _clashes(writers):
            _report(thing, earlier, later, report)


def _report(thing: str, earlier: _Writer, later: _Writer, report: Report) -> None:
    other = earlier.placed
    place = other.file.key_span((*other.path, *earlier.path))
    if other is later.placed:
        whose, hint = "this rule itself", f"see {place}; keep one of the two"
    else:
        whose = f"the rule `{other.rule.id}`"
        hint = f"see {place}; write it in one rule, or let the conditions exclude each other: x == a here, x == b there"
    path = (*later.placed.path, *later.path)
    span = later.placed.file.key_span(path)
    report.error("write-conflict", f"`{thing}` is written by {whose} too", span, hint=hint, path=dotted(path))


def _writes(placed: PlacedRule) -> Iterator[tuple[str, _Writer]]:
    rule = placed.rule
    if rule.transform is not None:
        atoms = _atoms(rule, rule.transform)
        for thing, path, shared in _transformed(rule.transform):
            yield thing, _Writer(placed, ("transform", *path), atoms, shared)
    for effect, headers in (("request_headers", rule.request_headers), ("response_headers", rule.response_headers)):
        if headers is not None:
            atoms = _atoms(rule, headers)
            for name, path in _written(placed, effect):
                yield f"{effect}.{name.lower()}", _Writer(placed, path, atoms)


def _written(placed: PlacedRule, effect: str) -> Iterator[tuple[str, Path]]:
    """The header names that an effect sets and removes, as they are written."""
    node = placed.file.find((*placed.path, effect))[0]
    if isinstance(node, MapNode):
        yield from ((name, (effect, "set", name)) for name in node.data.get("set", ()))
        yield from ((name, (effect, "remove", index)) for index, name in enumerate(node.data.get("remove", ())))


def _transformed(transform: Transform) -> Iterator[tuple[str, Path, bool]]:
    """What a transform writes, where it says so, and whether others may write it too."""
    for name in transform.set:
        yield name, ("set", name), False
    for name in transform.default:
        yield name, ("default", name), False
    for index, name in enumerate(transform.remove):
        yield name, ("remove", index), False
    for category in transform.safety:
        yield f"safety.{category}", ("safety", category), False
    for dialect, values in transform.raw.items():
        for name in values:
            yield f"raw.{dialect}.{name}", ("raw", dialect, name), False
    if transform.system_replace is not None:
        yield "system", ("system", "replace"), False
    elif transform.system_append is not None or transform.system_prepend is not None:
        yield "system", ("system",), True


def _atoms(rule: Rule, effect: Transform | Headers) -> _Atoms:
    """The atoms that all hold when the effect is done, by what they are about."""
    found: dict[Hashable, tuple[Atom, ...]] = {}
    for expression in (rule.when, effect.where):
        for key, region in expression.condition.regions.items() if expression else ():
            found[key] = (*found.get(key, ()), *region.atoms)
    return found


def _clashes(writers: list[_Writer]) -> Iterator[tuple[_Writer, _Writer]]:
    """Pairs that may both be done. What most of them compare for equality keeps this from being every pair."""
    counted = Counter(key for writer in writers for key in writer.atoms if _values(writer, key) is not None)
    key = counted.most_common(1)[0][0] if counted else None
    by_value: dict[Any, list[_Writer]] = defaultdict(list)
    rest: list[_Writer] = []
    seen: list[_Writer] = []
    for writer in writers:
        values = _values(writer, key)
        near = seen if values is None else [*rest, *(other for value in values for other in by_value[value])]
        clash = next((other for other in near if _clash(other, writer)), None)
        if clash is not None:
            yield clash, writer
        seen.append(writer)
        for value in values or ():
            by_value[value].append(writer)
        if values is None:
            rest.append(writer)


def _values(writer: _Writer, key: Hashable) -> tuple[Any, ...] | None:
    """The only values of this dimension for which the write is done, if its conditions say so."""
    return next((atom.constants for atom in writer.atoms.get(key, ()) if atom.operator is Operator.IN), None)


def _clash(earlier: _Writer, later: _Writer) -> bool:
    if earlier.shared and later.shared:
        return False
    shared_keys = earlier.atoms.keys() & later.atoms.keys()
    return not any(
        exclude(one, other) for key in shared_keys for one in earlier.atoms[key] for other in later.atoms[key]
    )
