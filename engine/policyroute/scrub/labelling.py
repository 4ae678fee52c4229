"""A text as its author's selectors see it: stretches, each with its label and whether it is required.

Rule of this module: within a profile the first selector that says something wins, label and need apart; of several
profiles the highest label, and what one requires is required. What is a tag's own is no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policyroute.clearance import Clearance
from policyroute.scrub.headings import sections
from policyroute.scrub.profile import Action, Profile, Selector
from policyroute.scrub.segment import OPEN, Segment
from policyroute.scrub.tags import Tagged, tagged


@dataclass(slots=True, repr=False)
class Piece:
    """A stretch of a text. `by`: the selectors that say something of it. `markup`: it is a tag."""

    text: str
    label: Clearance
    required: bool
    action: Action = "drop"
    instead: str = ""
    selector: str = ""
    by: tuple[str, ...] = ()
    markup: bool = False


Range = tuple[int, int]
_Found = tuple[int, int, int]
"""Start, end, and the number of the selector that says something there."""


class Reader:
    """Reads texts as these profiles do."""

    __slots__ = ("_of_anybody", "_of_authors", "_profiles")

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._profiles = profiles
        self._of_authors = [(at, selector) for at, profile in enumerate(profiles) for selector in profile.selectors]
        self._of_anybody = [(at, selector) for at, selector in self._of_authors if not selector.authored]

    def pieces(self, segment: Segment) -> list[Piece]:
        """All of the text, in order; the segment has the label of the defaults then. Raises Untidy and Exhausted."""
        labels = [_default(segment, profile.defaults) for profile in self._profiles]
        segment.label = base = max(labels, default=_unsaid(segment))
        some = self._of_authors if segment.trusted else self._of_anybody
        selectors = [(at, selector) for at, selector in some if selector.takes(segment)]
        if not selectors:
            return [Piece(segment.text, base, True)]
        names = frozenset([selector.tag for _, selector in selectors if selector.tag])
        read = tagged(segment.text, names) if names else None
        found = [
            (start, end, number)
            for number, (_, selector) in enumerate(selectors)
            for start, end in _ranges(segment.text, selector, read)
            if start < end
        ]
        markup = read.markup if read else []
        if not found and not markup:
            return [Piece(segment.text, base, True)]
        return list(_cut(segment.text, selectors, found, markup, base))


def _unsaid(segment: Segment) -> Clearance:
    return Clearance.PUBLIC if segment.kind in OPEN else Clearance.INTERNAL


def _default(segment: Segment, defaults: Mapping[str, Clearance]) -> Clearance:
    """A role's is not for what says nothing of anybody."""
    if segment.kind in defaults:
        return defaults[segment.kind]
    unsaid = _unsaid(segment)
    return unsaid if segment.kind in OPEN else defaults.get(segment.role, unsaid)


def _ranges(text: str, selector: Selector, read: Tagged | None) -> Sequence[Range]:
    """Where all of what the selector says holds."""
    found: Sequence[Range] | None = None
    for some in _stretches(text, selector, read):
        found = some if found is None else _both(found, some)
    return ((0, len(text)),) if found is None else found


def _stretches(text: str, selector: Selector, read: Tagged | None) -> Iterator[Sequence[Range]]:
    if selector.tag:
        yield read.spans.get(selector.tag, ()) if read else ()
    if selector.heading is not None:
        yield sections(text, selector.heading)
    if selector.pattern is not None:
        yield selector.pattern(text)


def _both(some: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]


def _cut(
    text: str,
    selectors: Sequence[tuple[int, Selector]],
    found: Sequence[_Found],
    markup: Sequence[Range],
    base: Clearance,
) -> Iterator[Piece]:
    """Between any two places where something begins or ends, everywhere the same is said."""
    tag = len(selectors)
    events: dict[int, list[tuple[int, int]]] = {0: []}
    for start, end, number in (*found, *((start, end, tag) for start, end in markup)):
        events.setdefault(start, []).append((number, 1))
        events.setdefault(end, []).append((number, -1))
    active: dict[int, int] = {}
    places = sorted(events)
    for place, until in zip(places, [*places[1:], len(text)], strict=True):
        for number, step in events[place]:
            active[number] = active.get(number, 0) + step
            if not active[number]:
                del active[number]
        if place < until:
            yield _judged(text[place:until], selectors, sorted(active), base)


def _judged(text: str, selectors: Sequence[tuple[int, Selector]], active: list[int], base: Clearance) -> Piece:
    if active and active[-1] == len(selectors):
        return Piece(text, Clearance.PUBLIC, False, markup=True)
    labels: dict[int, Selector] = {}
    needs: dict[int, bool] = {}
    by: list[str] = []
    for number in active:
        profile, selector = selectors[number]
        by.append(selector.id)
        if selector.label is not None:
            labels.setdefault(profile, selector)
        if selector.required is not None:
            needs.setdefault(profile, selector.required)
    required = _required(labels, needs)
    if not labels:
        return Piece(text, base, required, by=tuple(by))
    highest = max(labels.values(), key=_label)
    return Piece(text, _label(highest), required, highest.action, highest.text, highest.id, tuple(by))


def _label(selector: Selector) -> Clearance:
    return Clearance.PUBLIC if selector.label is None else selector.label


def _required(labels: Mapping[int, Selector], needs: Mapping[int, bool]) -> bool:
    """What anybody says is needed is; else what somebody said something of is not; else all is."""
    if any(needs.values()):
        return True
    return not labels and not needs
