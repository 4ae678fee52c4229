"""Telephone numbers.

Rule of this module: digits alone are never one: a number is international and possible, or written as numbers are
written in some country, or a word beside it says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from policyroute.redact.engine import compiled
from policyroute.redact.lookalikes import PLAINLY
from policyroute.redact.personal import begins, ends
from policyroute.redact.views import Spans, View
from policyroute.redact.work import Steps

_PARSED = 200  # of one text; what comes after them counts by its shape alone

_NUMBER = compiled(r"\+?\(?\+?\d(?:[ .\-/]?[ ]?[()]?[ ]?\d){5,17}(?:\s?(?:x|ext\.?|#)\s?\d{1,6})?")
_DATE = compiled(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}(?:[ T]\d*)?|\d{1,2}[-./]\d{1,2}[-./]\d{4}(?: \d+)?|\d{1,3}(?:\.\d{1,3}){3}"
)
_AMERICAN = (
    r"(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]\d{4}|\b(?:1[-. ])?[2-9]\d\d-\d\d\d-\d{4}"
    r"|\b(?:1[-. ])?[2-9]\d\d\.[2-9]\d\d\.\d{4})"
)
_NORTH_AMERICAN = compiled(_AMERICAN + r"(?:\s?(?:x|ext\.?|#)\s?\d{1,6})?")
_ZERO = r"\(?0\d{1,5}\)?(?:(?: \d{2,5}){1,4}| \d{6,8}|(?:\.\d{2,4}){2,4}|(?:-\d{2,5}){2,4}|[/-] ?\d{3,8}(?: \d{2,4})*)"
_WITH_ZERO = compiled(_ZERO)
_AREA = compiled(r"\(\d{2,5}\) ?\d{2,5}[- ]\d{2,5}(?:[- ]\d{2,5})?")
_ONE = compiled(rf"{_AMERICAN}\b")
_TWO = compiled(rf"({_ZERO}) ({_ZERO})\b")  # alone such a beginning says too little
_LIKE = compiled(r"\d{7,15}\b")
_CUTS = 5
_SIDE = 80  # characters in which two of them stand
_STRONG = compiled(
    r"(?i)(?:^|[^A-Za-z])(?:tele?(?:ph|f)\w*|phone\w*|tel\.?(?: ?no\.?)?|t[eé]l\.?|mob(?:ile|il)?|cell(?:ular(?:e)?)?"
    r"|m[oó]vil|celular|handy|fax|whats ?app|viber|landline|hotline|pager|desk|office|teléfono|sms"
    r"|(?:phone|mobile|cell)_?(?:no|num|number))\b"
    r"[^0-9\n]{0,16}\n?[^0-9\n+(]{0,3}$"
)
_WEAK = compiled(
    r"(?i)\b(?:call(?:ed|ing)?|dial|ring|text|reach|contact|answering|registered|messages?|number|msisdn|appelez|llam\w+"
    r"|anrufen)\b[^0-9\n]{0,20}$"
)
_ELSEWHERE = tuple(
    each.translate(PLAINLY)
    for each in "тел моб телефон τηλ κιν 电话 手机 電話 携帯 手機 전화 휴대폰 휴대전화 هاتف جوال טלפון נייד โทร".split()
)
_AFTER = compiled(r"(?i)^\s{0,2}[-(]?\s?(?:office|fax|mobile|cell|home|work|desk|tel|phone|direct|landline)\b")


def phones(view: View, steps: Steps) -> Spans:
    """Raises Exhausted."""
    data, parsed, at = view.data, 0, 0
    while (found := _NUMBER.search(data, at)) is not None:
        steps.take(3)
        start, end = found.span()
        at = end
        written = data[start:end]
        begun = begins(data, start)
        international = begun and (written.lstrip(b"(")[:1] == b"+" or (written[:2] == b"00" and not written.isdigit()))
        parsed += international
        if (
            begun
            and ends(data, end)
            and (
                _said(view, start, end)
                or (_possible(written.decode()) if international and parsed <= _PARSED else international)
                or (not international and _shaped(data, start, end))
            )
        ):
            yield start, end, "phone"
        elif b" " in written or b"/" in written:
            beside = [*_beside(view, start, end)]
            beside += _first(view, start, end) if begun else ()
            beside += _begun(data, start, end) if international and parsed <= _PARSED else ()
            at = max(at, *(last for _, last in beside), 0)
            yield from ((first, last, "phone") for first, last in beside)


def _beside(view: View, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Numbers that stand side by side, so that they look like one that is too long."""
    data, upto = view.data, min(end + _SIDE, len(view.data))
    near = data[start:upto]
    for found in _ONE.finditer(data, start, upto) if b"-" in near or b"." in near else ():
        if found.start() < end and begins(data, found.start()) and ends(data, found.end()):
            yield found.span()
    two = _TWO.match(data, start, upto) if b"0" in near[:2] else None
    if two is not None and begins(data, start) and all(_shaped(data, *two.span(each)) for each in (1, 2)):
        yield from (two.span(each) for each in (1, 2))


def _first(view: View, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The first of numbers that a word stands before, and those that follow it."""
    first = view.data.find(b" ", start, end)
    if first - start > 6 and _said(view, start, first):
        yield start, first
        while (more := _LIKE.match(view.data, first + 1, first + 24)) is not None:
            first = more.end()
            yield more.span()


def _begun(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The most words that are a number which is possible."""
    for _ in range(_CUTS):
        end = data.rfind(b" ", start, end)
        if end < 0:
            return
        if _possible(data[start:end].decode()):
            yield start, end
            return


def _shaped(data: bytes, start: int, end: int) -> bool:
    written = data[start:end]
    digits = _digits(written)
    if _NORTH_AMERICAN.fullmatch(written) is not None or _AREA.fullmatch(written) is not None:
        return True
    return 9 <= digits <= 12 and _WITH_ZERO.fullmatch(written) is not None and _DATE.fullmatch(written) is None


def _said(view: View, start: int, end: int) -> bool:
    """A word beside it says so."""
    data, written = view.data, view.data[start:end]
    digits = _digits(written)
    if not 7 <= digits <= 20 or _DATE.fullmatch(written) is not None:
        return False
    before = data[max(0, start - 48) : start]
    if _STRONG.search(before) is not None or _AFTER.search(data[end : end + 16]) is not None:
        return True
    if b"?" in before[-24:] and any(each in view.text[max(0, start - 24) : start].lower() for each in _ELSEWHERE):
        return True
    return (not written.isdigit() or written[:1] == b"0") and _WEAK.search(before) is not None


def _digits(written: bytes) -> int:
    return len(written) - len(written.translate(None, b"0123456789"))


def _possible(written: str) -> bool:
    """Its country has numbers of that length."""
    plain = written.replace("(0)", "").replace("(", "").replace(")", "")
    library = _library()
    try:
        number = library.parse("+" + plain[2:] if plain.startswith("00") else plain, None)
    except library.NumberParseException:
        return False
    return bool(library.is_possible_number(number))


@cache
def _library() -> Any:
    """The plans of all countries: more than a megabyte, for those who look for telephone numbers."""
    import phonenumbers  # noqa: PLC0415

    return phonenumbers
