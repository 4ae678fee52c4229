"""What the operator of a gateway sees: health, readiness, metrics, and the policy in use.

Rule of this module: it tells of names, places and numbers in the policy; no key, no request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from policyroute_asgi import metrics
from policyroute_asgi.activation import Status
from policyroute_asgi.metrics import Metrics

Page = tuple[int, str, bytes]
"""Status, content type, body."""

_JSON = "application/json"


class Operator:
    """`status` gives what is served, None as long as nothing is; `draining` whether shutdown has begun."""

    def __init__(self, metrics: Metrics, status: Callable[[], Status | None], draining: Callable[[], bool]) -> None:
        self._metrics = metrics
        self._status = status
        self._draining = draining
        self._pages: dict[str, Callable[[], Page]] = {
            "/healthz": self.health,
            "/readyz": self.ready,
            "/metrics": self.numbers,
            "/-/policy": self.policy,
        }

    def page(self, path: str) -> Callable[[], Page] | None:
        """What answers this path, None where nothing does."""
        return self._pages.get(path)

    def health(self) -> Page:
        return 200, _JSON, b'{"ok":true}'

    def ready(self) -> Page:
        """Ready is: requests are served. A reload that failed keeps it so, and is told."""
        status = self._status()
        draining = self._draining()
        ready = status is not None and not draining
        body: dict[str, Any] = {"ready": ready, "policy": _standing(status)}
        if status is not None:
            body["revision"] = status.revision
        if draining:
            body["draining"] = True
        return 200 if ready else 503, _JSON, orjson.dumps(body)

    def numbers(self) -> Page:
        return 200, metrics.CONTENT_TYPE, self._metrics.exposition()

    def policy(self) -> Page:
        status = self._status()
        if status is None:
            return 503, _JSON, orjson.dumps({"policy": _standing(status)})
        return 200, _JSON, orjson.dumps({"policy": _standing(status), **status.as_json()})


def _standing(status: Status | None) -> str:
    if status is None:
        return "none"
    if status.source == "last_good":
        return "last_good"
    return "current" if status.ok else "stale"
