"""RS256: what a service account signs its assertions with.

Rule of this module: it knows cryptography, and nothing of tokens.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def _loaded(pem: str) -> RSAPrivateKey:
    """Raises ValueError, which shows nothing of it."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except Exception:  # noqa: BLE001 - cryptography has many, and their words may show parts of the key
        raise ValueError("no private key in PEM without a passphrase") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("no RSA key")
    return key


def rs256(pem: str, signed: bytes) -> bytes:
    """Raises ValueError. Computes for a millisecond or two."""
    return _loaded(pem).sign(signed, PKCS1v15(), SHA256())
