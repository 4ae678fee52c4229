"""Mail addresses, accounts and addresses of machines.

Rule of this module: RE2 finds what may be one, and a check says whether it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from policyroute.redact.checksums import mod97
from policyroute.redact.engine import Pattern, compiled
from policyroute.redact.tokens import bounded
from policyroute.redact.views import Spans, View
from policyroute.redact.work import Steps

_LOCAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+=?^_`{|}~.-" + bytes(
    range(0x80, 0x100)
)
_DOMAIN = compiled(
    r"(?:[A-Za-z0-9\x80-\xff?](?:[A-Za-z0-9\x80-\xff?\-]{0,62})\.){1,8}"
    r"(?:xn--[A-Za-z0-9\-]{2,59}|[A-Za-z?\x80-\xff]{2,24})"
)
_SPELT = compiled(
    r"(?i)[a-z0-9._+\-]{1,64} ?[(\[]at[)\]] ?[a-z0-9\-]{1,63}(?:(?:\.| ?[(\[]dot[)\]] ?)[a-z0-9\-]{2,63}){1,4}"
)
_IPV4 = compiled(r"\d{1,3}(?:\.\d{1,3}){3}")
_IPV6 = compiled(r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,39}:[0-9A-Fa-f]{0,4}(?:\.\d{1,3}){0,3}")
_VERSION = compiled(r"(?i)(?:\bv|version|release|build|==|>=|<=|~=|\^)[ :=\"']*$")
_LENGTHS = {
    each[:2]: int(each[3:])
    for each in (
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 "
        "DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 "
        "GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 "
        "LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 "
        "PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 "
        "SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30 "
    ).split()
}
_IBAN = compiled(rf"(?:^|[^A-Za-z0-9])((?i:{'|'.join(_LENGTHS)})\d{{2}}[ \-]?[A-Za-z0-9])")


def emails(view: View, steps: Steps) -> Spans:
    data, at = view.data, view.data.find(b"@")
    while at >= 0:
        steps.take()
        start = _local(view, at)
        end = _domain(view, at + 1) if start < at and not _of_url(data, start) else 0
        if end:
            yield start, end, "email"
        at = data.find(b"@", at + 1)
    if "(at)" in view.low or "[at]" in view.low:
        for found in _SPELT.finditer(data):
            steps.take()
            yield *found.span(), "email"


def _local(view: View, at: int) -> int:
    """Where what stands before an `@` begins. A `?` of the data is a letter of some script unless the text has one."""
    before = view.data[max(0, at - 64) : at]
    start = at - len(before) + len(before.rstrip(_LOCAL))
    start = max(start, view.text.rfind("?", start, at) + 1)
    return at - len(view.data[start:at].lstrip(b".'`&=|*"))


def _domain(view: View, start: int) -> int:
    """Where a domain ends that begins here; 0: none does."""
    found = _DOMAIN.match(view.data, start, start + 255)
    mark = view.text.find("?", start, found.end()) if found is not None else -1
    if mark >= 0:
        found = _DOMAIN.match(view.data[:mark], start)
    return found.end() if found is not None else 0


def _of_url(data: bytes, start: int) -> bool:
    """A password begins here, and no mail address: `https://user:password@host.example`."""
    before = data[max(0, start - 80) : start]
    return before.endswith(b":") and b"://" in before and b" " not in before[before.rindex(b"://") :]


def _apart(pattern: Pattern, view: View, steps: Steps) -> Iterator[tuple[int, int]]:
    """What matches and is no part of a longer word or number."""
    data, at = view.data, 0
    while (found := pattern.search(data, at)) is not None:
        steps.take()
        start, end = found.span()
        if begins(data, start) and ends(data, end):
            yield start, end
        at = end


def begins(data: bytes, start: int) -> bool:
    """No word or number goes on here: `4.111`, `a-4111` and `x4111` are parts of something else."""
    if start == 0:
        return True
    before = data[start - 1]
    return not bounded(before) and not (before in b".-" and start > 1 and bounded(data[start - 2]))


def ends(data: bytes, end: int) -> bool:
    if end == len(data):
        return True
    after = data[end]
    return not bounded(after) and not (after in b".-" and end + 1 < len(data) and 48 <= data[end + 1] <= 57)


def ibans(view: View, steps: Steps) -> Spans:
    data = view.data
    for found in _IBAN.finditer(data):
        steps.take(2)
        start = found.start(1)
        last = _of_length(data, start, _LENGTHS[data[start : start + 2].decode().upper()])
        if last and mod97(data[start:last].translate(None, b" -").decode().upper()):
            yield start, last, "iban"


def _of_length(data: bytes, start: int, length: int) -> int:
    """Where so many letters and digits end, no two separators side by side, if a word ends there; else 0."""
    at, left = start, length
    while left and at < len(data):
        if bounded(data[at]):
            left -= 1
        elif data[at] not in b" -" or not bounded(data[at - 1]):
            return 0
        at += 1
    return 0 if left or (at < len(data) and bounded(data[at])) else at


def addresses(view: View, steps: Steps) -> Spans:
    """Public ones (`ip`) and private ones (`private_ip`)."""
    for start, end in _apart(_IPV4, view, steps):
        steps.take()
        written = view.data[start:end].split(b".")
        parts = [int(each) for each in written]
        if (
            b"%d.%d.%d.%d" % tuple(parts) == view.data[start:end]
            and max(parts) <= 255
            and parts[0] not in {0, 127, 255}
            and _VERSION.search(view.data[max(0, start - 10) : start]) is None
        ):
            yield start, end, "private_ip" if _inside(parts) else "ip"
    if view.low.count(":") > 2:
        yield from _long_addresses(view, steps)


def _inside(parts: list[int]) -> bool:
    """Of a network that is no part of the Internet."""
    first, second = parts[:2]
    return (
        first == 10
        or (first == 172 and 16 <= second < 32)
        or (first, second) in {(192, 168), (169, 254)}
        or (first == 100 and 64 <= second < 128)
    )


def _long_addresses(view: View, steps: Steps) -> Spans:
    for start, end in _apart(_IPV6, view, steps):
        text = view.data[start:end].decode()
        groups = [each for each in text.split(":") if each]
        if text.count(":") < 7 and ("::" not in text or len(groups) < 2 or not any(map(str.isdigit, text))):
            continue
        try:
            address = IPv6Address(text)
        except AddressValueError:
            continue
        if not (address.is_loopback or address.is_unspecified):
            yield start, end, "private_ip" if address.packed[0] & 0xFE == 0xFC or address.is_link_local else "ip"
