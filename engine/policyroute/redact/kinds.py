"""What a detector knows to look for, by name.

Rule of this module: names and words, no patterns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "card": "the number of a payment card",
    "iban": "an IBAN",
    "ssn": "a US social security number",
    "ip": "an IP address",
    "api_key": "a key of an API",
}

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "secrets": ("api_key",),
    "national_id": ("ssn",),
    "pii": ("email", "phone", "card", "iban", "ssn", "ip"),
}
