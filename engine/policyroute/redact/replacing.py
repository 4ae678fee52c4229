"""Texts and JSON bodies in which what rules look for is replaced.

Rule of this module: every rule holds on every text; where two find the same, the stricter mode wins. Done again it
changes nothing: what stands where something was is not found, and what is removed joins nothing that is. Nothing that
was found shows in an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from policyroute.dialects.shapes import compact
from policyroute.exhausted import Exhausted
from policyroute.redact.encodings import (
    SHORTEST,
    codec,
    data_url,
    file_changed,
    is_json,
    is_mixed,
    json_changed,
    quoted_changed,
)
from policyroute.redact.findings import Finding
from policyroute.redact.known import Known
from policyroute.redact.leaves import Place, Walk
from policyroute.redact.modes import STRICTNESS, Blocked, Marks, Mode, Rule
from policyroute.redact.pseudonyms import Pseudonyms

_PASSES: Final = 8
_NOTHING_LEFT: Final = "[REMOVED]"
"""Providers refuse a message that says nothing."""
_DEEPEST: Final = 8
"""Texts in texts: as JSON, as files."""
_SHORT: Final = 64
_MOST: Final = 400_000
_LOOK: Final = 20
"""How many texts are looked at, in all, is bounded: so many that are the same, or a share of that others."""
_DIGITS: Final = 7
"""Numbers with fewer are nobody's."""
_BINARY: Final = 1024
_BINARY_DATA: Final = 64
"""Characters from which base64 that is no text's is not looked at, anywhere and where data are."""


class Span(NamedTuple):
    """Characters of a text that are replaced, and as what."""

    start: int
    end: int
    kind: str
    rule: Rule


class Redaction:
    """What rules, all at once, do to what is sent or said. One for each request: it counts.

    `known` are the values of the client's app, `pseudonyms` those of the conversation, without which no rule may have
    that mode; `key` is what hashes are made with.
    """

    def __init__(self, rules: Sequence[Rule], known: Known | None, pseudonyms: Pseudonyms | None, key: bytes) -> None:
        if pseudonyms is None and any(rule.mode is Mode.PSEUDONYM for rule in rules):
            raise ValueError("a rule has pseudonyms, and the conversation has none")
        self._rules = tuple(rules)
        self._known = known
        self._pseudonyms = pseudonyms
        self._marks = Marks(key, pseudonyms)
        self._walk = Walk(self.leaf, self.number)
        self._clean: set[str] = set()
        self._depth = 0
        self._left = _MOST
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """How much of each kind was replaced."""
        return self._counts

    @property
    def reach(self) -> int:
        """No finding has more characters."""
        known = self._known.reach if self._known is not None else 0
        return max((max(rule.detector.reach, known if rule.known else 0) for rule in self._rules), default=1)

    def text(self, text: str) -> str:
        """A text. Raises Blocked, and Exhausted."""
        if self._pseudonyms is not None:
            self._pseudonyms.taken([text])
        return self._plain(text, name=False)

    def body(self, data: Any) -> Any:
        """A body as its dialect has it, the same object where nothing was found. Raises Blocked, and Exhausted."""
        if self._pseudonyms is not None:
            self._pseudonyms.taken([compact(data)])
        return self._walk.done(data)

    def spans(self, text: str) -> list[Span]:
        """What is to be replaced in a text, in order, none overlapping another. Raises Exhausted."""
        return _merged([span for rule in self._rules for span in self._new(text, self._findings(text, rule), rule)])

    def settled(self, text: str) -> tuple[list[Span], int]:
        """And of a text that goes on: how many of its characters no continuation can change anything of."""
        found: list[Span] = []
        until = len(text)
        for rule in self._rules:
            findings = self._findings(text, rule)
            found += self._new(text, findings, rule)
            until = min(until, rule.detector.settled(text, findings, self._known_to(rule)))
        merged = _merged(found)
        return merged, min((span.start for span in merged if span.start < until < span.end), default=until)

    def mark(self, span: Span, value: str, *, name: bool = False) -> str:
        """What stands where a value stood, which is counted. Raises Blocked, and TooMany."""
        if span.rule.mode is Mode.BLOCK:
            raise Blocked(span.rule.id, span.kind, self._walk.place)
        self._counts[span.kind] += 1
        return self._marks.of(span.rule.mode, span.kind, value, name=name)

    def once(self, text: str) -> str:
        """What is said in words, looked at as it stands and once."""
        spans = self.spans(text)
        return self._replaced(text, spans, name=False) if spans else text

    def leaf(self, text: str, place: Place) -> str:
        """A text of a body or answer, with all that is in it: it may be JSON, or a file. Raises Blocked, and
        Exhausted."""
        known = len(text) <= _SHORT and text in self._clean
        self._left -= 1 if known else _LOOK
        if self._left < 0 or self._depth >= _DEEPEST:
            raise Exhausted
        if known:
            return text
        self._depth += 1
        try:
            new = self._seen(text, place)
        finally:
            self._depth -= 1
        if new is text and len(text) <= _SHORT:
            self._clean.add(text)
        return new

    def number(self, written: str) -> str | None:
        """By which text a number is replaced; None where it stays."""
        if sum(each.isdigit() for each in written) < _DIGITS:
            return None
        new = self.leaf(written, Place.MADE)
        return None if new is written else new

    def _known_to(self, rule: Rule) -> Known | None:
        return self._known if rule.known else None

    def _findings(self, text: str, rule: Rule) -> Sequence[Finding]:
        return rule.detector.find(text, self._known_to(rule))

    def _new(self, text: str, findings: Sequence[Finding], rule: Rule) -> list[Span]:
        """What of it does not stand there for something that was found before."""
        return [
            Span(each.start, each.end, each.kind, rule)
            for each in findings
            if each.start < each.end and not self._marks.made(text, each)
        ]

    def _seen(self, text: str, place: Place) -> str:
        """A text, and what it says in another spelling."""
        url = data_url(text)
        if url is not None:
            head, data = url
            new = self._url(head, data)
            return text if new is data or new == data else head + new
        if len(text) >= SHORTEST and " " not in text[:_SHORT]:
            file = self._file(text, _BINARY_DATA if place is Place.DATA else _BINARY)
            if file is not None:
                return file
        if is_json(text):
            return json_changed(text, self._inside, self._key, self.number)
        new = self._plain(text, name=place is Place.NAME)
        return new if new.strip() or place is not Place.TEXT or not text.strip() else _NOTHING_LEFT

    def _inside(self, text: str) -> str:
        return self.leaf(text, Place.MADE)

    def _key(self, text: str) -> str:
        return self.leaf(text, Place.NAME)

    def _file(self, data: str, least: int) -> str | None:
        """Base64, with what is found in it replaced. None: it is to be looked at as it stands, since it is none, or
        `least` characters are not there that it could not be by chance."""
        found = codec(data)
        if found is None:
            return None
        if found:
            new = file_changed(data, found, self._inside)
            if new is not data:
                return new
        return data if len(data) >= least and is_mixed(data) else None

    def _url(self, head: str, data: str) -> str:
        if head.lower().endswith(";base64,"):
            new = self._file(data, _BINARY_DATA)
        else:
            new = quoted_changed(data, self._inside)
        return self._plain(data, name=False) if new is None else new

    def _plain(self, text: str, *, name: bool) -> str:
        for _ in range(_PASSES):
            spans = self.spans(text)
            if not spans:
                return text
            text = self._replaced(text, spans, name=name)
            if name or not any(span.rule.mode is Mode.REMOVE for span in spans):
                return text  # what stands there keeps apart what stood beside it
        raise Exhausted

    def _replaced(self, text: str, spans: list[Span], *, name: bool) -> str:
        parts: list[str] = []
        last = 0
        for span in spans:
            parts += (text[last : span.start], self.mark(span, text[span.start : span.end], name=name))
            last = span.end
        parts.append(text[last:])
        return "".join(parts)


def _merged(found: list[Span]) -> list[Span]:
    """Those that overlap are one, and as strict as the strictest of them."""
    if len(found) < 2:
        return found
    found.sort(key=lambda span: (span.start, -span.end))
    merged: list[Span] = []
    for span in found:
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        else:
            merged[-1] = _joined(last, span)
    return merged


def _joined(one: Span, other: Span) -> Span:
    strict = min(one, other, key=lambda span: (STRICTNESS[span.rule.mode], span.start - span.end))
    return Span(one.start, max(one.end, other.end), strict.kind, strict.rule)
