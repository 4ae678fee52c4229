"""What the operator of a gateway sees: health, readiness, metrics, and the policy in use.

Rule of this module: it tells of names, places and numbers in the policy; no key, no request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from starlette.types import Scope, Send

from policyroute.decide.overrides import Overrides
from policyroute.health.quality import Row
from policyroute_asgi import metrics
from policyroute_asgi.activation import Status
from policyroute_asgi.metrics import Metrics, RestingStates

Page = tuple[int, str, bytes]
"""Status, content type, body."""
Reader = Callable[[], Awaitable[Page]]
Pages = Mapping[str, Reader]
"""What answers a path."""

NUMBERS, POLICY, STATUS = "/metrics", "/-/policy", "/-/status"
READING: Final = frozenset({"GET", "HEAD"})
"""The methods that a page is read by."""


class Operator:
    """The pages of one process. `probes` are for whoever may connect, `inside` for operators.

    `status` gives what is served, None as long as nothing is; `draining` whether shutdown has begun; `resting` who is
    left alone for a while; `integrity` how often models' answers fit their schemas; `overrides` what an operator has
    said by hand.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one name for each thing that is told
        self,
        metrics: Metrics,
        status: Callable[[], Status | None],
        draining: Callable[[], bool],
        resting: RestingStates,
        integrity: Callable[[], list[Row]],
        overrides: Callable[[], Overrides],
    ) -> None:
        self._overrides = overrides
        self._metrics = metrics
        self._resting = resting
        self._integrity = integrity
        self._status = status
        self._draining = draining
        self.probes: Pages = {"/healthz": health, "/readyz": self._ready}
        self.inside: Pages = {NUMBERS: self._numbers, POLICY: self._policy, STATUS: self._now}

    async def _ready(self) -> Page:
        status = self._status()
        return readiness(status, ready=status is not None, draining=self._draining())

    async def _numbers(self) -> Page:
        return numbers(self._metrics.exposition())

    async def _now(self) -> Page:
        return status(self._status(), self._overrides(), draining=self._draining())

    async def _policy(self) -> Page:
        fit = [
            {**row._asdict(), "samples": round(row.samples, 1), "intact": round(row.intact, 1)}
            for row in self._integrity()
        ]
        return policy(self._status(), cooling=list(map(_cooling, self._resting())), integrity=fit)


async def health() -> Page:
    return json(200, {"ok": True})


def readiness(status: Status | None, *, ready: bool, draining: bool, **more: Any) -> Page:
    """Ready is: requests are served. A reload that failed keeps it so, and is told."""
    ready = ready and not draining
    body: dict[str, Any] = {"ready": ready, "policy": _standing(status), **more}
    if status is not None:
        body["revision"] = status.revision
    if draining:
        body["draining"] = True
    return json(200 if ready else 503, body)


def numbers(exposition: bytes) -> Page:
    return 200, metrics.CONTENT_TYPE, exposition


def policy(status: Status | None, **more: Any) -> Page:
    if status is None:
        return json(503, {"policy": _standing(status), **more})
    return json(200, {"policy": _standing(status), **status.as_json(), **more})


def status(status: Status | None, overrides: Overrides, *, draining: bool, **more: Any) -> Page:
    """What is in force at this moment, and what is not as the policy says. Times are seconds since 1970."""
    found = [override.as_json() for override in overrides.every]
    revision = status.revision if status is not None else None
    return json(
        200, {"policy": _standing(status), "revision": revision, "draining": draining, "overrides": found, **more}
    )


def json(status: int, body: Mapping[str, Any]) -> Page:
    return status, "application/json", orjson.dumps(body)


async def answer(page: Page, scope: Scope, send: Send) -> None:
    status, kind, body = page
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _cooling(state: tuple[str, str, str, float]) -> dict[str, Any]:
    target, provider, reason, left = state
    return {"target": target, "provider": provider, "reason": reason, "seconds": round(left, 3)}


def _standing(status: Status | None) -> str:
    if status is None:
        return "none"
    if status.source == "last_good":
        return "last_good"
    return "current" if status.ok else "stale"
