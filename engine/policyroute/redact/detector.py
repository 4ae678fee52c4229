"""Finds what is personal or secret in a text.

Rule of this module: everything is made once, at load; looking changes nothing, and takes a bounded number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from policyroute.redact import personal
from policyroute.redact.assignments import assignments
from policyroute.redact.cards import cards
from policyroute.redact.commands import commands
from policyroute.redact.credentials import LONGEST_KEY, credentials
from policyroute.redact.findings import Finding
from policyroute.redact.headers import headers
from policyroute.redact.kinds import GROUPS, expanded
from policyroute.redact.known import Known
from policyroute.redact.nothing import is_plain
from policyroute.redact.numbers import Written, worded
from policyroute.redact.patterns import REACH, Patterns
from policyroute.redact.phones import phones
from policyroute.redact.tokens import LONGEST_TOKEN, Everywhere, tokens
from policyroute.redact.views import Spans, View, views
from policyroute.redact.words import Words
from policyroute.redact.work import Steps

_SETTLED = 96
"""Characters after which no word, no group of digits and no quote makes a finding of what stands before them."""
_SHORTEST = 6
"""Characters of what has any of our kinds (`a@b.co`); most strings of a request are roles and types."""
_ASKING = (tokens, credentials, headers, commands, assignments, worded)
_NO_PATTERNS: Mapping[str, str] = {}
_SECRETS = frozenset(GROUPS["secrets"])
_LONGEST_PERSONAL = 640
_SIMPLE = (
    (personal.emails, frozenset({"email"})),
    (cards, frozenset({"card"})),
    (personal.ibans, frozenset({"iban"})),
    (personal.addresses, frozenset({"ip", "private_ip"})),
    (phones, frozenset({"phone"})),
)


class Detector:
    """Looks for `kinds` (names of `KINDS` and `GROUPS`) and for `patterns` (name -> RE2).

    Raises KeyError with a name that is neither a kind nor a group, ValueError for a pattern that `rejected` rejects.
    """

    def __init__(self, kinds: Iterable[str], patterns: Mapping[str, str] = _NO_PATTERNS) -> None:
        chosen = expanded(kinds)
        self.kinds = chosen
        self._words = Words(each for asking in _ASKING for each in asking(chosen))
        patterned = Patterns(dict(patterns))
        self._finders = [
            self._words.find,
            Everywhere(chosen).find,
            Written(chosen).find,
            *(_only(finder, kinds & chosen) for finder, kinds in _SIMPLE if kinds & chosen),
            patterned.find,
        ]
        self._patterned = bool(patterns)
        self._waits = REACH if patterns else _SETTLED
        self.reach = max(_reach(chosen), self._waits)

    def find(self, text: str, known: Known | None = None) -> list[Finding]:
        """In order, none overlapping another, none longer than `reach` and `known.reach`. Raises Exhausted."""
        if known is None and not self._patterned and (len(text) < _SHORTEST or is_plain(text)):
            return []
        steps = Steps()
        found: list[Finding] = []
        for view in views(text, steps):
            for start, end, kind in self._looked(view, known, steps):
                place = view.span(start, end)
                if place is not None:
                    found.append(Finding(*place, kind))
        reach = max(self.reach, known.reach if known is not None else 0)
        return list(_short(_apart(found), reach))

    def settled(self, text: str, found: Sequence[Finding], known: Known | None = None) -> int:
        """Of a text that goes on: how many of its characters no continuation can change the findings of.

        `found` is what `find` says of the text so far; no finding lies across the place that is returned.
        """
        at = max(0, len(text) - max(self._waits, known.reach if known is not None else 0))
        least = max(0, len(text) - self.reach)
        while at > least and not _parting(text[at - 1]):
            at -= 1
        opened = text.rfind("-----BEGIN", least)
        if opened >= 0 and "private_key" in self.kinds and text.find("-----END", opened) < 0:
            at = min(at, opened)
        for each in reversed(found):
            if each.start < at < each.end:
                at = each.start
        return at

    def _looked(self, view: View, known: Known | None, steps: Steps) -> Spans:
        for finder in self._finders:
            yield from finder(view, steps)
        if known is not None:
            yield from known.find(view.text, steps)


def _parting(character: str) -> bool:
    """No secret goes on across it: white space, and what scripts without white space are written in."""
    return character.isspace() or "\u2e80" <= character < "\uff00"


def _only(finder: Callable[[View, Steps], Spans], kinds: frozenset[str]) -> Callable[[View, Steps], Spans]:
    return lambda view, steps: (each for each in finder(view, steps) if each[2] in kinds)


def _reach(kinds: frozenset[str]) -> int:
    if kinds & {"private_key", "jwt"}:
        return LONGEST_KEY
    return LONGEST_TOKEN if kinds & _SECRETS else _LONGEST_PERSONAL


def _apart(found: list[Finding]) -> list[Finding]:
    """What overlaps is one finding, of the kind of the longest: no character that was found is left out."""
    apart: list[Finding] = []
    longest = 0
    for each in sorted(found, key=attrgetter("start")):
        if apart and each.start < apart[-1].end:
            last = apart[-1]
            longer = each.end - each.start > longest
            longest = max(longest, each.end - each.start)
            apart[-1] = Finding(last.start, max(last.end, each.end), each.kind if longer else last.kind)
        else:
            apart.append(each)
            longest = each.end - each.start
    return apart


def _short(found: list[Finding], reach: int) -> Iterator[Finding]:
    for each in found:
        for start in range(each.start, each.end, reach):
            yield Finding(start, min(each.end, start + reach), each.kind)
