"""What a detector knows to look for, by name.

Rule of this module: names and words, no patterns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "card": "the number of a payment card",
    "iban": "an IBAN",
    "ssn": "a US social security number",
    "ip": "an IP address",
    "api_key": "a key of an API",
    "github_token": "github token",
}

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "secrets": ("api_key", "github_token"),
    "national_id": ("ssn",),
    "pii": ("email", "phone", "card", "iban", "ssn", "ip"),
    "all": ("email", "phone", "card", "iban", "ssn", "ip", "api_key", "github_token"),
}


def expanded(names: Iterable[str]) -> frozenset[str]:
    """The kinds of `names`, which are kinds and groups."""
    return frozenset(kind for name in names for kind in GROUPS.get(name, (name,)))
