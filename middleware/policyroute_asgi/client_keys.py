"""The keys that clients of a gateway call with: how one is made, and what is kept of it.

Rule of this module: a key exists in the one place where it is made and shown. What anybody keeps is its sha256.
"""

from __future__ import annotations

import secrets
import string
from binascii import crc32
from hashlib import sha256
from typing import Final

PREFIX: Final = "plr_"
"""By which scanners of repositories and logs know a key of ours."""

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM: Final = 43
"""Digits that hold 256 bits."""
_CHECK: Final = 6
"""Digits that hold the checksum: CRC-32 of the random part, as in the tokens of code hosts."""


def new() -> str:
    """`plr_`, 43 random digits (256 bits) and 6 of a checksum."""
    body = _spelled(secrets.randbits(256), _RANDOM)
    return PREFIX + body + _checksum(body)


def is_whole(key: str) -> bool:
    """Whether it is a key of ours as it was made: nothing lost, added or mistyped."""
    body, check = key[len(PREFIX) : -_CHECK], key[-_CHECK:]
    return key.startswith(PREFIX) and len(body) == _RANDOM and check == _checksum(body)


def digest(key: str) -> bytes:
    """What a policy keeps of a key, in hex. Any key will do, whoever made it: it has to be long and random."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    return _spelled(crc32(body.encode("utf-8", "surrogatepass")), _CHECK)


def _spelled(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
