"""What stands in an audit record for something that must not stand there: HMACs with a key that only auditing has.

Rule of this module: no bare hashes. What somebody can guess (a phone number, an id that counts upward) they could look
up in a record otherwise. Each purpose has a key of its own, so that no two marks can be exchanged.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

_SHOWN: Final = 32
"""Hex digits of a mark: 128 bits."""
_ID: Final = 8


class Marks:
    """Made of `key`, of any length. `id` (8 hex digits) names the key and does not give it away."""

    def __init__(self, key: bytes) -> None:
        self._conversations, self._texts, self._bodies, self._seals = (
            hmac.digest(key, purpose, hashlib.sha256) for purpose in (b"conversation", b"text", b"body", b"seal")
        )
        self.id: Final = hmac.digest(key, b"id", hashlib.sha256).hex()[:_ID]

    def conversation(self, tenant: str, conversation: str) -> str:
        """32 hex digits, the same for the same conversation of the same tenant."""
        return _mark(self._conversations, f"{len(tenant)}:{tenant}{conversation}")

    def text(self, text: str) -> str:
        """Of a piece of a prompt: 32 hex digits."""
        return _mark(self._texts, text)

    def body(self, data: bytes) -> str:
        """Of all that is sent: 32 hex digits."""
        return hmac.digest(self._bodies, data, hashlib.sha256).hex()[:_SHOWN]

    def seal(self, hash: str) -> str:
        """64 hex digits, which nobody makes for an entry's `hash` without the key."""
        return hmac.digest(self._seals, hash.encode(), hashlib.sha256).hex()

    def sealed(self, hash: str, mac: str) -> bool:
        return hmac.compare_digest(self.seal(hash).encode(), mac.encode())


def _mark(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:_SHOWN]
