"""From a caller's key to the client that has it.

Rule of this module: how long a look-up takes says nothing of the digests that are known: they are found by a hash that
nobody outside this process can compute, and compared in constant time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest

from policyroute.policy.model import KnownClient
from policyroute_asgi import client_keys


@dataclass(frozen=True, slots=True, eq=False)
class KeyMatch:
    """A client, and the sha256 (hex) of the key by which it is known this time. A keyring has one for each key."""

    client: KnownClient
    digest: str = field(repr=False)


class Keyring:
    """The keys of a policy set's clients. Made once for the set."""

    __slots__ = ("_digests", "_hash", "_matches")

    def __init__(self, clients: Mapping[str, KnownClient]) -> None:
        self._hash = blake2b(digest_size=16, key=os.urandom(32))
        self._digests = {name: frozenset(client.keys) for name, client in clients.items()}
        self._matches = {
            self._place(bytes.fromhex(digest)): (bytes.fromhex(digest), KeyMatch(client, digest))
            for client in clients.values()
            for digest in client.keys
        }

    def find(self, key: str) -> KeyMatch | None:
        """The client that has this key, or None."""
        digest = client_keys.digest(key)
        found = self._matches.get(self._place(digest))
        if found is None or not compare_digest(found[0], digest):
            return None
        return found[1]

    def knows(self, match: KeyMatch) -> bool:
        """Whether a match of another keyring, an earlier one, still holds in this one: same client, same key."""
        return match.digest in self._digests.get(match.client.facts.id, ())

    def _place(self, digest: bytes) -> bytes:
        place = self._hash.copy()
        place.update(digest)
        return place.digest()
