"""What a client of a dialect is told by us rather than by a provider, and what all such words have in common.

Rule of this module: the vendor's own SDK raises its own exception. What we add to a vendor's shape stands beside it
under `policyroute`; the stable code stands where the vendor's SDK looks for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from policyroute.dialects.trouble import ClientError


class Voice(Protocol):
    """How we speak to clients of one dialect."""

    def error_body(self, error: ClientError) -> bytes:
        """The body of an HTTP error."""
        ...

    def error_event(self, error: ClientError) -> bytes:
        """An error inside a stream that has begun. No end marker may follow: the answer is not complete."""
        ...

    def models(self, names: Iterable[str], created: int = 0) -> bytes:
        """The list of models that a client may ask for. `created` is epoch seconds."""
        ...

    def model(self, name: str, created: int = 0) -> bytes:
        """One of them."""
        ...

    def token_count(self, tokens: int) -> bytes:
        """The answer to a request that only asks how many tokens its prompt has."""
        ...


def extras(error: ClientError) -> dict[str, Any]:
    """What no vendor's shape has a place for."""
    ours: dict[str, Any] = {"retry": error.retry}
    if error.retry_after is not None:
        ours["retry_after"] = round(error.retry_after, 3)
    if error.decision_id:
        ours["decision_id"] = error.decision_id
    return ours


def named(status: int, names: dict[int, str], client: str, server: str) -> str:
    """The vendor's word for an HTTP status; `client` and `server` are for those it has none for."""
    return names.get(status) or (server if status >= _SERVER else client)


_SERVER = 500
