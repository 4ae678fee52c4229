"""YAML text as a tree that remembers where everything stands.

Rule of this module: arbitrary text in, a tree and problems out; it never raises. Depth, size and what aliases stand for
are bounded while the text is read, so that a hostile file costs no more than a long one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from policyroute.cel.expression import Source
from policyroute.policy.report import Report
from policyroute.policy.scalars import placed, resolve
from policyroute.policy.text import SourceText
from policyroute.policy.yaml_errors import quoting_hint, report_syntax
from policyroute.problems import Span

MAX_DEPTH = 40
MAX_NODES = 500_000
"""Nodes of a file, each alias counted as all it stands for."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True, eq=False)
class Scalar:
    """`text` is the string it holds; `data` what that means: null, bool, int, float or string."""

    start: int
    end: int
    data: Any
    text: str
    style: str
    size: int = 1


@dataclass(slots=True, eq=False)
class MapNode:
    """`entries` by key, each the key's own node and the value."""

    start: int
    end: int
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict[str, tuple[Scalar, "Node"]])
    size: int = 1


@dataclass(slots=True, eq=False)
class ListNode:
    start: int
    end: int
    data: list[Any] = field(default_factory=list[Any])
    items: list[Node] = field(default_factory=list["Node"])
    size: int = 1


Node = Scalar | MapNode | ListNode
"""Made once, never changed after. `data` is the same as plain Python, shared with the parent's."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A parsed file."""

    source: SourceText
    root: Node
    has_null: bool = False

    def find(self, path: Path) -> tuple[Node, Node]:
        """The node at the path, and the node of its key (itself where it has none): the deepest there is.

        Steps that are not in the file are passed over: a checker's path may name alternatives of a type.
        """
        node = key = self.root
        for step in path:
            if isinstance(node, MapNode) and step in node.entries:
                key, node = node.entries[str(step)]
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                key = node = node.items[step]
        return node, key

    def data(self, path: Path) -> Any:
        """What is written at the path, as plain Python."""
        return self.find(path)[0].data

    def span(self, path: Path) -> Span:
        """Where the value at the path stands."""
        return self.of(self.find(path)[0])

    def key_span(self, path: Path) -> Span:
        """Where the key at the path stands."""
        return self.of(self.find(path)[1])

    def of(self, node: Node) -> Span:
        return self.source.span(node.start, node.end)

    def expression(self, path: Path) -> Source:
        """The scalar at the path as the source of an expression, each of its characters placed."""
        node = self.find(path)[0]
        if not isinstance(node, Scalar):
            raise TypeError(f"no scalar at {dotted(path)}")
        raw = self.source.text[node.start : node.end]
        place = placed(raw, node.text, node.style)
        start, at = node.start, self.source.at
        return Source(node.text, self.source.name, lambda offset: at(start + place(offset)), dotted(path))


def dotted(path: Path) -> str:
    """`("rules", 2, "when")` as `rules[2].when`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def parse(source: SourceText, report: Report) -> File | None:
    """The file's tree, or None where it cannot be read at all; every problem goes to the report."""
    builder = _Builder(source, report)
    try:
        for event in yaml.parse(source.text, Loader=_LOADER):
            if not builder.take(event):
                return None
    except (yaml.YAMLError, UnicodeError) as error:
        report_syntax(error, source, report)
        return None
    if builder.root is None:
        report.error("yaml-empty", "the file says nothing", source.span(0, 0), hint="begin with `version: 1`")
        return None
    return File(source, builder.root, builder.has_null)


@dataclass(slots=True)
class _Frame:
    node: MapNode | ListNode
    anchor: str | None
    key: Scalar | None = None


class _Builder:
    """Takes events in order; False from `take` means that reading on is of no use."""

    def __init__(self, source: SourceText, report: Report) -> None:
        self.root: Node | None = None
        self.has_null = False
        self._source = source
        self._report = report
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> bool:
        start, end = event.start_mark.index, event.end_mark.index
        match event:
            case ScalarEvent():
                style, text = event.style or "", event.value
                if event.tag is None:
                    data = text if style else resolve(text)
                else:
                    data = text = self._untagged(event.tag, text, start, end)
                self.has_null = self.has_null or data is None
                return self._finished(Scalar(start, end, data, text, style), event.anchor)
            case MappingStartEvent() | SequenceStartEvent():
                self._untagged(event.tag, "", start, end)
                node = MapNode(start, end) if isinstance(event, MappingStartEvent) else ListNode(start, end)
                self._stack.append(_Frame(node, event.anchor))
                if len(self._stack) > MAX_DEPTH:
                    return self._stop("yaml-too-deep", f"more than {MAX_DEPTH} levels deep", start)
            case MappingEndEvent() | SequenceEndEvent():
                frame = self._stack.pop()
                frame.node.end = end
                return self._finished(frame.node, frame.anchor)
            case AliasEvent():
                return self._alias(str(event.anchor), start)
            case DocumentStartEvent() if self.root is not None:
                hint = "put what follows `---` into a file of its own"
                return self._stop("yaml-documents", "a policy file is one YAML document", start, hint)
            case _:
                pass
        return True

    def _stop(self, code: str, message: str, start: int, hint: str | None = None) -> bool:
        self._report.error(code, message, self._source.span(start, start + 1), hint=hint)
        return False

    def _untagged(self, tag: str | None, text: str, start: int, end: int) -> str:
        """What a value with a tag says. Only `!!str` is a tag; any other was most likely meant as text."""
        if tag in (None, "tag:yaml.org,2002:str"):
            return text
        line = self._source.line(self._source.at(start)[0])
        hint = quoting_hint(line) or "text that begins with `!` must be quoted"
        message = "`!` begins a YAML tag, and tags are not used here"
        self._report.error("yaml-tag", message, self._source.span(start, end), hint=hint)
        return self._source.text[start:end].strip()

    def _alias(self, anchor: str, start: int) -> bool:
        node = self._anchors.get(anchor)
        if node is None:
            hint = "text that begins with `*` must be quoted"
            return self._stop("yaml-alias", f"`*{anchor}` stands for nothing: no `&{anchor}` before it", start, hint)
        return self._finished(node, None)

    def _finished(self, node: Node, anchor: str | None) -> bool:
        """Hang a complete node in its place."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return True
        frame = self._stack[-1]
        parent = frame.node
        parent.size += node.size
        if parent.size > MAX_NODES:
            return self._stop("yaml-too-large", f"more than {MAX_NODES:,} values, aliases spelled out", parent.start)
        if isinstance(parent, ListNode):
            parent.items.append(node)
            parent.data.append(node.data)
            return True
        if frame.key is None:
            return self._key(frame, node)
        self._entry(parent, frame.key, node)
        frame.key = None
        return True

    def _key(self, frame: _Frame, node: Node) -> bool:
        if not isinstance(node, Scalar):
            hint = "text that begins with `{` or `[` must be quoted"
            return self._stop("yaml-key", "a key must be a name, not a list or map", node.start, hint)
        frame.key = node
        return True

    def _entry(self, parent: MapNode, key: Scalar, node: Node) -> None:
        first = parent.entries.get(key.text)
        if first is not None:
            where = self._source.span(first[0].start, first[0].end)
            hint = f"it is first at line {where.line}, column {where.column}; keep one"
            span = self._source.span(key.start, key.end)
            self._report.error("yaml-duplicate-key", f"the key `{key.text}` is here twice", span, hint=hint)
            return
        parent.entries[key.text] = (key, node)
        parent.data[key.text] = node.data
