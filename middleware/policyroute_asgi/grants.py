"""What an account gets tokens with: its own secret, its token endpoint, and what that is asked.

Rule of this module: values that can be sent to another process, and nobody is asked here. What a value holds is in no
repr, and in no message.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import astuple, dataclass, field
from hashlib import sha256
from typing import Any, Final, cast

from policyroute.policy.accounts import EntraApp
from policyroute.policy.addresses import base_url_trouble

GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTED: Final = 3600
"""Seconds that an assertion holds: the most that Google takes."""
_NEEDED: Final = ("client_email", "private_key")


class Unusable(Exception):
    """An account's secret that no token can be had with. The message says why, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class GoogleGrant:
    """A service account that signs for itself (RFC 7523)."""

    url: str
    email: str
    key_id: str
    private_key: str = field(repr=False)

    def form(self, now: float) -> dict[str, str]:
        """What the endpoint is asked; `now` is seconds since 1970. Computes for milliseconds. Raises Unusable."""
        head: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}
        if self.key_id:
            head["kid"] = self.key_id
        at = int(now)
        claims = {"iss": self.email, "scope": _GOOGLE_SCOPE, "aud": self.url, "iat": at, "exp": at + _ASSERTED}
        signed = f"{_encoded(head)}.{_encoded(claims)}"
        return {"grant_type": _JWT_BEARER, "assertion": f"{signed}.{_base64(_signature(self.private_key, signed))}"}


@dataclass(frozen=True, slots=True)
class EntraGrant:
    """An application that shows its client secret (RFC 6749, 4.4)."""

    url: str
    client_id: str
    scope: str
    client_secret: str = field(repr=False)

    def form(self, now: float) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
        }


Grant = GoogleGrant | EntraGrant


def digest(grant: Grant) -> str:
    """What stands for the grant where a key's value would: the same for the same account and secret."""
    return sha256("\0".join([type(grant).__name__, *astuple(grant)]).encode()).hexdigest()


def of_app(app: EntraApp, client_secret: str) -> EntraGrant:
    return EntraGrant(f"{app.authority}/{app.tenant}/oauth2/v2.0/token", app.client_id, app.scope, client_secret)


def of_service_account(text: str) -> GoogleGrant:
    """From the JSON that Google's console gives. Raises Unusable."""
    try:
        read: object = json.loads(text)
    except (ValueError, RecursionError):
        raise Unusable("it is not JSON") from None
    said = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    if said.get("type") != "service_account":
        raise Unusable("it is not the key of a service account (`type` is not `service_account`)")
    missing = [name for name in _NEEDED if not (isinstance(said.get(name), str) and said[name])]
    if missing:
        raise Unusable(f"the key of a service account has `{missing[0]}`, and this has none")
    url, key_id = said.get("token_uri", GOOGLE_TOKENS), said.get("private_key_id", "")
    if not isinstance(url, str) or base_url_trouble(url, insecure=False) is not None:
        raise Unusable("its `token_uri` is no https address")
    grant = GoogleGrant(url, said["client_email"], key_id if isinstance(key_id, str) else "", said["private_key"])
    if not "".join(astuple(grant)).isascii():  # JSON may even hold what no UTF-8 can
        raise Unusable("it has characters that no key of a service account has")
    return grant


def _signature(pem: str, signed: str) -> bytes:
    """Raises Unusable."""
    # It costs a process 8 MB, so that only those pay for it who sign.
    from policyroute_asgi.signing import rs256  # noqa: PLC0415

    try:
        return rs256(pem, signed.encode())
    except ValueError as error:
        raise Unusable(f"its `private_key` is {error}") from None


def _encoded(said: dict[str, Any]) -> str:
    return _base64(json.dumps(said, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
