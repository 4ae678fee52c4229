"""What every dialect of JSON over HTTP does alike.

Rule of this module: a base to build a `Dialect` on. Has no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policyroute.dialects import errors, splice
from policyroute.failures import Failure


class JsonDialect:
    """A model named in the body, and errors in one of the shapes that `errors` knows."""

    headers: Mapping[str, str | None] = {}

    def with_model(self, body: bytes, data: dict[str, Any], model: str) -> bytes:
        return splice.with_model(body, data, model)

    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, now: float, secrets: Iterable[str] = ()
    ) -> Failure:
        return errors.classify(status, headers, body, now, secrets)
