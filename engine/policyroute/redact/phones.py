"""Telephone numbers.

Rule of this module: digits alone are never one: a number is international and possible, or written as numbers are
written in some country, or a word beside it says what it is.
"""

from __future__ import annotations

from typing import Any

import phonenumbers as untyped_phonenumbers

from policyroute.redact.engine import compiled
from policyroute.redact.personal import begins
from policyroute.redact.tokens import bounded
from policyroute.redact.views import Spans, View
from policyroute.redact.work import Steps

_phonenumbers: Any = untyped_phonenumbers
_PARSED = 200  # of one text; what comes after them counts by its shape alone

_NUMBER = compiled(r"\+?\(?\+?\d(?:[ .\-/]?[ ]?[()]?[ ]?\d){5,17}(?:\s?(?:x|ext\.?|#)\s?\d{1,6})?")
_DATE = compiled(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}(?:[ T]\d*)?|\d{1,2}[-./]\d{1,2}[-./]\d{4}(?: \d+)?|\d{1,3}(?:\.\d{1,3}){3}"
)
_NORTH_AMERICAN = compiled(
    r"(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]\d{4}|(?:1[-. ])?[2-9]\d\d-[2-9]\d\d-\d{4}"
    r"|(?:1[-. ])?[2-9]\d\d\.[2-9]\d\d\.\d{4})"
    r"(?:\s?(?:x|ext\.?|#)\s?\d{1,6})?"
)
_WITH_ZERO = compiled(
    r"\(?0\d{1,5}\)?(?:(?: \d{2,5}){1,4}|(?:\.\d{2,4}){2,4}|(?:-\d{2,5}){2,4}|[/-] ?\d{3,8}(?: \d{2,4})*)"
)
_AREA = compiled(r"\(\d{2,5}\) ?\d{2,5}[- ]\d{2,5}(?:[- ]\d{2,5})?")
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
_AFTER = compiled(r"(?i)^\s{0,2}[-(]?\s?(?:office|fax|mobile|cell|home|work|desk|tel|phone|direct|landline)\b")


def phones(view: View, steps: Steps) -> Spans:
    data, parsed = view.data, 0
    for found in _NUMBER.finditer(data):
        steps.take(2)
        start, end = found.span()
        if not begins(data, start) or (end < len(data) and bounded(data[end])):
            continue
        written = data[start:end]
        international = written.lstrip(b"(")[:1] == b"+" or (written[:2] == b"00" and not written.isdigit())
        parsed += international
        if (
            _said(data, start, end)
            or (_possible(written.decode()) if international and parsed <= _PARSED else international)
            or (not international and _shaped(data, start, end))
        ):
            yield start, end, "phone"


def _shaped(data: bytes, start: int, end: int) -> bool:
    written = data[start:end]
    digits = _digits(written)
    if _NORTH_AMERICAN.fullmatch(written) is not None or _AREA.fullmatch(written) is not None:
        return True
    return 9 <= digits <= 12 and _WITH_ZERO.fullmatch(written) is not None and _DATE.fullmatch(written) is None


def _said(data: bytes, start: int, end: int) -> bool:
    """A word beside it says so."""
    written = data[start:end]
    digits = _digits(written)
    if not 7 <= digits <= 20 or _DATE.fullmatch(written) is not None:
        return False
    before = data[max(0, start - 48) : start]
    if _STRONG.search(before) is not None or _AFTER.search(data[end : end + 16]) is not None:
        return True
    return (not written.isdigit() or written[:1] == b"0") and _WEAK.search(before) is not None


def _digits(written: bytes) -> int:
    return len(written) - len(written.translate(None, b"0123456789"))


def _possible(written: str) -> bool:
    """Its country has numbers of that length."""
    plain = written.replace("(0)", "").replace("(", "").replace(")", "")
    try:
        number = _phonenumbers.parse("+" + plain[2:] if plain.startswith("00") else plain, None)
    except untyped_phonenumbers.NumberParseException:
        return False
    return bool(_phonenumbers.is_possible_number(number))
