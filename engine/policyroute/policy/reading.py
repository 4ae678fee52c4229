"""A file's text as a checked document that knows where everything stands.

Rule of this module: an item that is wrong is reported and left out, so that everything beside it is still checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from policyroute.policy.complaints import NULLABLE, complain
from policyroute.policy.document import Document
from policyroute.policy.report import Report
from policyroute.policy.spelling import ACCOUNT_WORDS, ENVIRONMENT, FROM_CLIENT, is_map
from policyroute.policy.text import DIGEST, SECRET_KEY, SourceText, is_like_key
from policyroute.policy.tree import File, ListNode, MapNode, Node, Path, Scalar, dotted, parse

_LISTS = ("rules", "tests")
_MAPS = ("providers", "targets", "clients", "scrub", "constants", "variables")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file and what of it is well formed. `rules` and `tests` are the places in the file of those that are left."""

    file: File
    document: Document
    rules: tuple[int, ...]
    tests: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.file.source.name

    @property
    def sections(self) -> dict[str, Any]:
        """Everything that is written, well formed or not."""
        data: dict[str, Any] = self.file.data(())
        return data


def read(source: SourceText, report: Report) -> Loaded | None:
    """The file's document, without what is wrong in it; None where nothing can be read."""
    report.sources[source.name] = source
    file = parse(source, report)
    if file is None:
        return None
    if not isinstance(file.root, MapNode):
        message = "a policy file is a map of sections"
        report.error("wrong-type", message, file.of(file.root), hint="begin with `version: 1`")
        return None
    report.hidden[source.name] = [
        place
        for section in ("providers", "clients", "audit")
        if section in file.root.entries
        for place in _secrets(file.root.entries[section][1])
    ]
    data: dict[str, Any] = {key: value for key, value in file.root.data.items() if value is not None}
    bad = set(_report_nulls(file, report)) if file.has_null else set[Path]()
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            complain(detail, file, report)
            bad.add(_item(detail["loc"], unknown=detail["type"] == "extra_forbidden"))
        return _without(file, data, bad)
    return _without(file, data, bad) if bad else Loaded(file, document, *_numbers(data, bad))


def _item(path: Path, *, unknown: bool = False) -> Path:
    """The smallest thing that can be left out so that this is no longer wrong: a key nobody knows, a key of a rule (all
    but its id may be missing), else the whole rule, test or definition."""
    match path:
        case (section, *_) if section not in _LISTS and section not in _MAPS:
            return path[:1]
        case ("rules", _, key, *_) if key != "id":
            return path[:3]
        case ("providers" | "targets" | "clients" | "tests", _, _) if unknown:
            return path
        case _:
            return path[:2]


def _without(file: File, data: dict[str, Any], bad: set[Path]) -> Loaded:
    kept: dict[str, Any] = {"version": 1}
    for section, value in data.items():
        if (section,) in bad or section == "version":
            continue
        if section in _LISTS:
            kept[section] = [
                _trimmed(item, (section, index), bad) for index, item in enumerate(value) if (section, index) not in bad
            ]
        elif section in _MAPS:
            kept[section] = {
                key: _trimmed(item, (section, key), bad) for key, item in value.items() if (section, key) not in bad
            }
        else:
            kept[section] = value
    return Loaded(file, Document.model_validate(kept), *_numbers(data, bad))


def _trimmed(item: Any, path: Path, bad: set[Path]) -> Any:
    """The item without its wrong keys."""
    if not is_map(item):
        return item
    return {key: value for key, value in item.items() if (*path, key) not in bad}


def _numbers(data: dict[str, Any], bad: set[Path]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The places of the rules and of the tests that are left."""

    def left(section: str) -> tuple[int, ...]:
        count = 0 if (section,) in bad else len(data.get(section, ()))
        return tuple(index for index in range(count) if (section, index) not in bad)

    return left("rules"), left("tests")


def _report_nulls(file: File, report: Report) -> Iterator[Path]:
    """Keys without a value: what a rule with an empty `when:` would mean is not guessed."""
    assert isinstance(file.root, MapNode)
    for section, (_, node) in file.root.entries.items():
        for path in () if section in NULLABLE else _nulls(node, (section,)):
            if len(path) > 1:
                message = "nothing is written here" if isinstance(path[-1], int) else f"`{path[-1]}` has no value"
                hint = "write a value, or leave it out"
                report.error("missing-value", message, file.key_span(path), hint=hint, path=dotted(path))
                yield _item(path)


def _nulls(node: Node, path: Path) -> Iterator[Path]:
    if isinstance(node, Scalar):
        if node.data is None:
            yield path
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _nulls(item, (*path, index))
    else:
        for key, (_, value) in node.entries.items():
            if key != "raw":
                yield from _nulls(value, (*path, key))


def _secrets(node: Node, inside: bool = False) -> Iterator[tuple[int, int]]:
    """The stretches of text that stand where a secret would."""
    if inside and _is_reference(node):
        return
    if isinstance(node, Scalar):
        if inside and not DIGEST.fullmatch(node.text):
            yield node.start, node.end
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _secrets(item, inside)
    else:
        for key, (written, value) in node.entries.items():
            if inside and key not in ACCOUNT_WORDS:
                yield written.start, written.end
            yield from _secrets(value, inside or SECRET_KEY.search(key) is not None)


def _is_reference(node: Node) -> bool:
    """Whether this says where a secret is, and is not one where its place should stand."""
    if isinstance(node, Scalar):
        return node.text == FROM_CLIENT
    if not isinstance(node, MapNode) or not set(node.entries) <= {"env", "file"}:
        return False
    if any(is_like_key(str(place)) for place in node.data.values()):
        return False
    return "env" not in node.data or re.fullmatch(ENVIRONMENT, str(node.data["env"])) is not None
