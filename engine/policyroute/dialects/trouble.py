"""What a client is told when it gets no answer, in no dialect's words.

Rule of this module: one table from what went wrong to the HTTP status. The status is what makes a client's SDK raise
its own exception and decide on a retry; trouble that is ours or the provider's is never blamed on the client
(401, 403): only a provider key of the client's own is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from policyroute.failures import DOMAIN_DOWN, Failure
from policyroute.failures import FailureKind as K
from policyroute.request import BadRequest

STATUS: Final[dict[K, int]] = {
    K.RATE_LIMITED: 429,
    K.QUOTA_EXHAUSTED: 429,
    K.OVERLOADED: 503,
    K.TIMEOUT_CONNECT: 504,
    K.TIMEOUT_TTFT: 504,
    K.TIMEOUT_IDLE: 504,
    K.TIMEOUT_TOTAL: 504,
    K.CONTEXT_OVERFLOW: 400,
    K.AUTH: 502,
    K.CONTENT_FILTERED: 400,
    K.REFUSED: 400,
    K.INVALID_REQUEST: 400,
    K.MODEL_NOT_FOUND: 404,
    K.SCHEMA_INVALID: 502,
    K.EMPTY: 502,
    K.TRUNCATED: 502,
    K.STREAM_BROKEN: 502,
    K.UNAVAILABLE: 502,
}
_CODE: Final[dict[K, str]] = {K.AUTH: "upstream_auth", K.CONTEXT_OVERFLOW: "context_length_exceeded"}
_OWN_WORDS: Final[dict[K, str]] = {
    # What the provider says about our key is for the operator.
    K.AUTH: "The provider refused this gateway's key.",
    K.QUOTA_EXHAUSTED: "This gateway's quota at the provider is used up.",
}
_RETRY: Final = frozenset(
    {
        K.RATE_LIMITED,
        K.OVERLOADED,
        K.TIMEOUT_CONNECT,
        K.TIMEOUT_TTFT,
        K.TIMEOUT_IDLE,
        K.EMPTY,
        K.STREAM_BROKEN,
        K.UNAVAILABLE,
    }
)
NO_MODEL_MEETS_FLOOR: Final = "no_model_meets_floor"
"""A rule's `quality_floor` keeps out whoever is left."""

_PASSED_ON: Final = frozenset({400, 404, 409, 413, 415, 422})
_SERVER: Final = 500


@dataclass(frozen=True, slots=True)
class ClientError:
    """An error for a client. `code` is stable; `retry` says whether the same request may succeed later, `retry_after`
    in how many seconds; `decision_id` is empty where it did not come to a decision."""

    status: int
    code: str
    message: str
    retry: bool = False
    retry_after: float | None = None
    param: str | None = None
    decision_id: str = ""

    @classmethod
    def of_failure(cls, failure: Failure, decision_id: str = "") -> ClientError:
        """What is told of an exchange's last failure."""
        kind = failure.kind
        if failure.client_key and kind is K.AUTH:
            # A key that is good but may not do this is no key to be replaced: SDKs tell the two by their status.
            status = 403 if failure.status == 403 else 401
            return cls(status, failure.code or "provider_key_refused", failure.message, decision_id=decision_id)
        if failure.code == DOMAIN_DOWN:
            wait = failure.retry_after
            return cls(503, DOMAIN_DOWN, failure.message, retry=True, retry_after=wait, decision_id=decision_id)
        status = STATUS[kind]
        if kind is K.INVALID_REQUEST and failure.status in _PASSED_ON:
            status = failure.status
        retry = kind in _RETRY
        return cls(
            status=status,
            code=NO_MODEL_MEETS_FLOOR if failure.unmet else _CODE.get(kind, kind.value),
            message=failure.unmet or (failure.message if failure.client_key else _OWN_WORDS.get(kind, failure.message)),
            retry=retry,
            retry_after=failure.retry_after if retry else None,
            decision_id=decision_id,
        )

    @classmethod
    def of_bad_request(cls, error: BadRequest) -> ClientError:
        return cls(error.status, error.code, error.message, param=error.param)

    @classmethod
    def of_denial(cls, status: int, code: str, message: str, decision_id: str = "") -> ClientError:
        """What is told of a decision to make no attempt. A server-side status may pass; a refusal will not."""
        return cls(status, code, message, retry=status > _SERVER, decision_id=decision_id)

    def headers(self) -> list[tuple[str, str]]:
        """The HTTP headers that SDKs decide by."""
        found = [("x-should-retry", "true" if self.retry else "false")]
        if self.retry_after is not None:
            found.append(("retry-after", str(math.ceil(self.retry_after))))
        return found
