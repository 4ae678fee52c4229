"""Payment cards.

Rule of this module: a number has the check digit, and an issuer or a word beside it says that it is a card's. Where
numbers stand side by side every way to take whole groups is tried, so that nothing of a card is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policyroute.redact.checksums import luhn_bytes
from policyroute.redact.engine import compiled
from policyroute.redact.personal import begins, ends
from policyroute.redact.views import Spans, View
from policyroute.redact.work import Steps

_SEPARATORS = b" .-"
_ZERO = 48
_GROUP = re.compile(rb"\d+")  # one class: linear
_CHAIN = compiled(r"\d{4}(?:(?:[.\-]| {1,2})?\d){8,}")
_WORDS = compiled(
    r"(?i)card|\bcc\b|visa|mastercard|maestro|amex|karte|carte|tarjeta|cart[aã]o|carta|\bpan\b|credit|debit"
)

Groups = list[tuple[int, int]]


def cards(view: View, steps: Steps) -> Spans:
    """Raises Exhausted."""
    for found in _CHAIN.finditer(view.data):
        groups: Groups = []
        for each in _GROUP.finditer(view.data, *found.span()):
            steps.take(2)
            groups.append(each.span())
        yield from _cards(view.data, groups)


def _cards(data: bytes, groups: Groups) -> Spans:
    """For each group the longest card's number that begins with it."""
    named: list[tuple[int, int]] = []
    upto = 0  # what an issuer's number has covered
    for at in range(len(groups)):
        for first, last, digits in _printed(data, groups, at):
            if _issued(len(digits), int(digits[:4])):
                yield first, last, "card"
                named = [each for each in named if each[1] <= first]
                upto = max(upto, last)
                break
            if digits[0] != _ZERO and first >= upto and _near(data, first, last):
                named.append((first, last))
    yield from ((first, last, "card") for first, last in named)


def _printed(data: bytes, groups: Groups, at: int) -> Iterator[tuple[int, int, bytes]]:
    """What begins with a group and has a card's check digit, longest first: up to five groups as cards have them, one
    kind of separator, four digits and more in all but the last."""
    first = groups[at][0]
    if at == 0 and not begins(data, first):
        return
    for upto in reversed(range(at, min(len(groups), at + 5))):
        last = groups[upto][1]
        digits = data[first:last].translate(None, _SEPARATORS)
        if not 12 <= len(digits) <= 19 or not luhn_bytes(digits) or len(set(digits)) == 1:
            continue
        separators = {data[end] for _, end in groups[at:upto]}
        if _sized(groups[at : upto + 1]) and len(separators) < 2 and (upto < len(groups) - 1 or ends(data, last)):
            yield first, last, digits


def _sized(groups: Groups) -> bool:
    sizes = [end - start for start, end in groups]
    return len(sizes) == 1 or (min(sizes[:-1]) >= 4 and max(sizes) <= 7 and (sizes[-1] >= 2 or len(sizes) == 5))


def _issued(size: int, four: int) -> bool:
    """An issuer has numbers of that size that begin with these four digits."""
    return (
        (four // 1000 == 4 and size in {13, 16, 18, 19})
        or (size == 16 and (5100 <= four < 5600 or 2200 <= four <= 2204 or 2221 <= four <= 2720 or 3528 <= four < 3590))
        or (size == 15 and four // 100 in {34, 37})
        or (size in {14, 16, 19} and (four // 10 in range(300, 306) or four // 100 in {36, 38, 39}))
        or (
            size in {16, 19}
            and (four == 6011 or four // 100 in {62, 64, 65, 60, 81} or four in {9792, 5018, 5020, 5038})
        )
    )


def _near(data: bytes, start: int, end: int) -> bool:
    """A word beside it says that it is a card's."""
    return _WORDS.search(data, max(0, start - 48), start) is not None or _WORDS.search(data, end, end + 24) is not None
