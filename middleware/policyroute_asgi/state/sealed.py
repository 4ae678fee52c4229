"""Rows that say nothing to whoever has the file: values are encrypted, and keys are not the ones they are asked by.

Rule of this module: AES-256-GCM with a fresh nonce for each value, bound to its row, so that no two can be exchanged;
of a key of a row only an HMAC is written. What cannot be opened is not there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from policyroute_asgi import durably
from policyroute_asgi.state.address import KEY_VARIABLE

KEY_FILE: Final = "state.key"
_SIZE: Final = 32
NONCE: Final = 12
"""Bytes that a sealed value begins with, and no other does: they tell it from every other version of its row."""


class Seal:
    """`key` has 32 bytes, of which all keys are made."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, b"values", hashlib.sha256))
        self._names = hmac.digest(key, b"names", hashlib.sha256)
        self._others = hmac.digest(key, b"others", hashlib.sha256)

    def name(self, kind: str, key: str) -> bytes:
        """What stands for the key of a row."""
        return hmac.digest(self._names, f"{kind}\0{key}".encode("utf-8", "surrogatepass"), hashlib.sha256)

    def derived(self, purpose: str) -> bytes:
        """32 bytes that nobody knows who has not the key."""
        return hmac.digest(self._others, purpose.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def closed(self, name: bytes, value: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, value, name)

    def opened(self, name: bytes, sealed: bytes) -> bytes | None:
        """None where it was closed with another key, or is another row's."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], name)
        except (InvalidTag, ValueError):
            return None


def key_of(state_dir: Path | None) -> bytes:
    """The key of a state directory: that of the environment, else the one in its file, which is made if it is not
    there. Of several processes that begin at once all get the same. Raises OSError, and ValueError for a key that is
    none, or where there is neither."""
    given = os.environ.get(KEY_VARIABLE)
    if given is not None:
        return _read(given.encode(), KEY_VARIABLE)
    if state_dir is None:
        raise ValueError(f"there is no {KEY_VARIABLE}, and no directory that has a key")
    path = state_dir / KEY_FILE
    return _read(durably.once(path, base64.b64encode(os.urandom(_SIZE)) + b"\n"), str(path))


def _read(text: bytes, place: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _SIZE:
        raise ValueError(f"{place} is no key: {_SIZE} bytes in base64")
    return key
