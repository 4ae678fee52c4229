"""The names of what is found.

Rule of this module: names and what they mean; nothing of how it is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policyroute.redact.formats import FORMATS
from policyroute.redact.national import NUMBERS

_PERSONAL = {
    "email": "a mail address",
    "phone": "a telephone number",
    "card": "a payment card's number",
    "iban": "a bank account's number (IBAN)",
    "ip": "a public address of a machine (IPv4, IPv6)",
    "private_ip": "an address of a machine inside a network (10.0.0.0/8, fc00::/7 and the like)",
    "driver_license": "a driving licence's number, where a word says that it is one",
}
_CREDENTIALS = {
    "private_key": "a private key in PEM",
    "jwt": "a signed token (JWT)",
    "auth_header": "what an Authorization header, or one like it, carries",
    "password": "a password: assigned to a name that says so, in a URL, a command or a manifest of Kubernetes",
    "api_key": "a key or token that is assigned to a name that says so",
}
_NATIONAL = {each.kind: each.what for each in NUMBERS}
_TOKENS = {each.kind: each.kind.replace("_", " ") for each in FORMATS}

KINDS: Mapping[str, str] = {**_PERSONAL, **_NATIONAL, **_CREDENTIALS, **_TOKENS}
"""Name -> what it is."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "national_id": tuple(_NATIONAL),
    "pii": (*_PERSONAL, *_NATIONAL),
    "secrets": (*_CREDENTIALS, *_TOKENS),
    "all": tuple(KINDS),
}
"""Name -> the kinds that it stands for."""


def expanded(names: Iterable[str]) -> frozenset[str]:
    """The kinds of `names`, which are kinds and groups. Raises KeyError with a name that is neither."""
    kinds: set[str] = set()
    for name in names:
        kinds.update(GROUPS.get(name, (name,)))
        if name not in GROUPS and name not in KINDS:
            raise KeyError(name)
    return frozenset(kinds)
