"""Detectors, made once for whoever asks for the same.

Rule of this module: what they look with is imported when the first of them is asked for: it takes 3 MB, and most
gateways look for nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from policyroute.redact.findings import Finds


@lru_cache(maxsize=256)
def detector(kinds: tuple[str, ...], patterns: tuple[tuple[str, str], ...] = ()) -> Finds:
    """`kinds` and groups of them, and authors' patterns by the names of what they find. The first takes 50 ms: it is
    made where policies are, and has looked at something when a request comes."""
    from policyroute.redact.detector import Detector  # noqa: PLC0415

    made = Detector(kinds, dict(patterns))
    made.find(_SOMETHING)
    return made


_SOMETHING: Final = """To: "Zoë" <zoe@mail.example>, +49 30 901820, (212) 555-0142, phone 0171 2345678; 203.0.113.7,
4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, SSN 078-05-1120, 1985-10-26; %40 \\u0040 &#64; aGVsbG8gd29ybGQh
curl -u name:hunter2x -H 'Authorization: Bearer c0ffee123456' https://name:hunter2x@host.example/?key=c0ffee1234
password = "hunter2!x", client_secret: 9f8e7d6c5b4a39281706; eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln"""
