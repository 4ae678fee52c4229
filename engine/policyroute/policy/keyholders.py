"""Which keys the files of a policy hold, as far as the files can be read.

For taking a key back in a hurry, and for listing: what is wrong elsewhere in a policy must not stand in the way.
Rule of this module: it reads what is written and judges nothing; `policy.clients` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policyroute.policy.document import ClientSpec
from policyroute.policy.files import SCHEMA
from policyroute.policy.reading import Loaded, read
from policyroute.policy.report import Report
from policyroute.policy.text import DIGEST, SourceText
from policyroute.policy.tree import ListNode, MapNode, Node, Scalar
from policyroute.problems import Span


@dataclass(frozen=True, slots=True)
class Keyholder:
    """A client as it is written. `span` is the whole of its entry, `keys` the sha256 (hex) of each of its keys with its
    place; `spec` is None where the entry is not well formed."""

    name: str
    span: Span
    keys: tuple[tuple[str, Span], ...]
    spec: ClientSpec | None


@dataclass(frozen=True, slots=True)
class Keyholders:
    """`files` are those with a section `clients`, `unread` those that are no YAML."""

    clients: tuple[Keyholder, ...]
    files: tuple[str, ...]
    unread: tuple[str, ...]

    def named(self, name: str) -> tuple[Keyholder, ...]:
        return tuple(each for each in self.clients if each.name == name)


def keyholders(texts: Mapping[str, str]) -> Keyholders:
    """Every client in these texts by file name, in order."""
    found: list[Keyholder] = []
    having: list[str] = []
    unread: list[str] = []
    for name in sorted(name for name in texts if not name.endswith(SCHEMA)):
        loaded = read(SourceText(name, texts[name]), Report())
        if loaded is None:
            unread.append(name)
            continue
        assert isinstance(loaded.file.root, MapNode)
        section = loaded.file.root.entries.get("clients")
        if section is not None:
            having.append(name)
            found += _of(loaded, section[1])
    return Keyholders(tuple(found), tuple(having), tuple(unread))


def _of(loaded: Loaded, section: Node) -> Iterator[Keyholder]:
    source = loaded.file.source
    for name, (key, value) in section.entries.items() if isinstance(section, MapNode) else ():
        written = value.entries.get("key_sha256") if isinstance(value, MapNode) else None
        keys = _digests(written[1]) if written else ()
        yield Keyholder(
            name,
            source.span(key.start, max(_end(value, source.text), key.end)),
            tuple((scalar.text.lower(), loaded.file.of(scalar)) for scalar in keys),
            loaded.document.clients.get(name),
        )


def _digests(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        if DIGEST.fullmatch(node.text):
            yield node
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _digests(item)


def _end(node: Node, text: str) -> int:
    """Where the last character of it is: a block's own end is where the next thing begins."""
    if isinstance(node, Scalar) or text[node.end - 1 : node.end] in ("}", "]"):
        return node.end
    inner = node.items if isinstance(node, ListNode) else [value for _, value in node.entries.values()]
    return max((_end(each, text) for each in inner), default=node.start)
