"""What stands in the `details` of Google's errors (google.rpc.Status).

Rule of this module: details only. What they do not say is None, and is asked of the status and the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from policyroute.dialects import waits
from policyroute.dialects.shapes import items, obj, text
from policyroute.failures import FailureKind as K

_KINDS: Final = {
    **dict.fromkeys(
        """API_KEY_INVALID API_KEY_SERVICE_BLOCKED API_KEY_HTTP_REFERRER_BLOCKED API_KEY_IP_ADDRESS_BLOCKED
        API_KEY_ANDROID_APP_BLOCKED API_KEY_IOS_APP_BLOCKED CONSUMER_INVALID CONSUMER_SUSPENDED SERVICE_DISABLED
        ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_SCOPE_INSUFFICIENT ACCESS_TOKEN_TYPE_UNSUPPORTED CREDENTIALS_MISSING
        IAM_PERMISSION_DENIED ACCOUNT_STATE_INVALID""".split(),
        K.AUTH,
    ),
    "BILLING_DISABLED": K.QUOTA_EXHAUSTED,
    "RATE_LIMIT_EXCEEDED": K.RATE_LIMITED,
}
"""By the reason of an ErrorInfo."""
_NOTHING: Final = re.compile(r"\blimit: 0(?![.\d])")
_EXHAUSTED: Final = "RESOURCE_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class Details:
    """`wait` is seconds, `reason` the code that stays the same whatever the words are, or empty."""

    kind: K | None = None
    reason: str = ""
    wait: float | None = None


def details(error: dict[str, Any], message: str) -> Details:
    """What the details of this error say, if it has any."""
    found = [obj(item) for item in items(error.get("details"))]
    if not found and error.get("status") != _EXHAUSTED:
        return _NONE
    reason = next((text(one["reason"]) for one in found if text(one.get("reason"))), "")
    delay = next((text(one["retryDelay"]) for one in found if text(one.get("retryDelay"))), "")
    violations = [obj(each) for one in found for each in items(one.get("violations"))]
    kind = _KINDS.get(reason)
    if kind in {None, K.RATE_LIMITED} and error.get("status") == _EXHAUSTED and _for_long(violations, message):
        kind = K.QUOTA_EXHAUSTED
    return Details(kind, reason, waits.duration(delay) if delay else None)


def _for_long(violations: list[dict[str, Any]], message: str) -> bool:
    """A limit by the day, or one of nothing, will not be gone in a minute."""
    daily = any("PerDay" in text(one.get("quotaId")) or one.get("quotaValue") == "0" for one in violations)
    return daily or _NOTHING.search(message) is not None


_NONE: Final = Details()
