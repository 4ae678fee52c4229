"""Provider keys that callers bring themselves (`api_key: from_client`).

Rule of this module: a key goes to the provider it is named for. One that is not named goes nowhere unless all providers
that take such keys are at one origin, so that no vendor ever sees another vendor's key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from policyroute.failures import Failure, FailureKind
from policyroute.policy.model import Provider
from policyroute.request import BadRequest
from policyroute_asgi.credentials import presented

HEADER: Final = b"x-provider-key"
MISSING: Final = "missing_client_key"
REFUSED: Final = "provider_key_refused"

_LONGEST: Final = 4096
_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.:/@-]*)\s*=\s*(.*[^=\s].*)")
"""A bare key may end in `=`, as base64 does."""


@dataclass(frozen=True, slots=True)
class BroughtKeys:
    """The keys that came with one request: by provider name, and one that names none."""

    named: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    bare: str | None = field(default=None, repr=False)

    def within(self, origins: frozenset[str]) -> BroughtKeys:
        """Those that may be used where the policy lets such keys go to these origins (`Program.client_key_origins`)."""
        return self if len(origins) == 1 else BroughtKeys(self.named)

    def of(self, provider: Provider) -> str | None:
        return self.named.get(provider.name, self.bare)


NO_KEYS: Final = BroughtKeys()


def brought_keys(headers: Iterable[tuple[bytes, bytes]], query: bytes, *, allow_credential: bool) -> BroughtKeys:
    """The keys in these headers (names lower-case) and this query.

    `allow_credential`: without the header, the credential of the client's dialect is the key. To be said only where it
    does not identify the caller to us. Raises BadRequest.
    """
    found = list(headers)
    named: dict[str, str] = {}
    bare: list[str] = []
    for name, value in _parts(given for header, given in found if header == HEADER):
        if name is None:
            bare.append(value)
        elif named.setdefault(name, value) != value:
            raise _bad("names a provider twice")
    if len(bare) > 1 or (bare and named):
        raise _bad("has a key without a name beside others: write name=key, name=key")
    if not bare and not named and allow_credential and (credential := presented(found, query)):
        bare.append(_checked(credential))
    return BroughtKeys(named, bare[0] if bare else None)


def missing(provider: Provider) -> Failure:
    """No key for this provider came with the request."""
    message = (
        f"A key of your own is needed for the provider {provider.name}."
        f" Send it in the header X-Provider-Key: {provider.name}=YOUR_KEY"
    )
    return Failure(FailureKind.AUTH, message, code=MISSING, client_key=True)


def refused(provider: Provider, status: int | None) -> Failure:
    """The provider refused the key that came with the request."""
    what = (
        "does not let the key that you sent for it do this" if status == 403 else "refused the key that you sent for it"
    )
    message = f"The provider {provider.name} {what}."
    return Failure(FailureKind.AUTH, message, status, REFUSED, client_key=True)


def _parts(headers: Iterable[bytes]) -> Iterator[tuple[str | None, str]]:
    """(provider name or None, key) of each part of the headers."""
    for header in headers:
        for part in _checked(header.decode("latin-1")).split(","):
            text = part.strip()
            match = _NAMED.fullmatch(text)
            if match:
                yield match[1], match[2].strip()
            elif "=" in text.rstrip("="):
                raise _bad("has something before `=` that is no provider's name")
            elif text:
                yield None, text


def _checked(text: str) -> str:
    if len(text) > _LONGEST or not (text.isascii() and text.isprintable()):
        raise _bad(f"has a key that no header may carry: printable ASCII, {_LONGEST} characters at most")
    return text


def _bad(what: str) -> BadRequest:
    return BadRequest("invalid_provider_key", f"X-Provider-Key, or what stands for it, {what}.")
