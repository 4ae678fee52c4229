"""The steps of the tour, and what each of them has to show.

Rule of this module: a step that does not show what it says fails the tour.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from policyroute_asgi.activation import Status
from policyroute_asgi.demo.running import Running
from policyroute_asgi.demo.screen import Screen
from policyroute_asgi.demo.traffic import Answer, Ask, decide, send


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer has to be."""

    target: str | None = None
    rule: str | None = None
    status: int = 200
    code: str | None = None
    outcomes: tuple[str, ...] = ("ok",)


@dataclass(frozen=True, slots=True)
class Request:
    title: str
    ask: Ask
    shown: Shown


_SAVINGS = Ask("Summarise this in a sentence.", profile="SAVINGS")

REQUESTS = (
    Request("No rule has an opinion: the default route", Ask("What is a policy?"), Shown("large", "default")),
    Request("The SAVINGS profile: the cheapest target first", _SAVINGS, Shown("small", "savings")),
    Request(
        "A bank number in the prompt: only targets in Europe may have it",
        Ask("My IBAN is DE02 1203 0000 0000 2020 51. Pay?", model="large"),
        Shown("europe", "default"),
    ),
    Request(
        "A prompt beyond its limit: refused, no provider is asked",
        Ask("All of it, please. " * 1200),
        Shown(status=413, code="context_too_long", outcomes=()),
    ),
    Request(
        "A stream whose first provider is overloaded: the client never notices",
        Ask("Plan the week.", profile="AGENT", stream=True),
        Shown("large", "agents", outcomes=("rate_limited", "ok")),
    ),
)

_ROUTE = "route: {targets: [large, small, europe], rank: cost}"
_LIVE = "route: [europe, small]"
_TYPO = 'when: request.profil == "SAVINGS"'
_RIGHT = 'when: request.profile == "SAVINGS"'


class Tour:
    """`wrong` collects what was not as it should be."""

    def __init__(self, house: Running, client: httpx.AsyncClient, screen: Screen) -> None:
        self._house = house
        self._client = client
        self._screen = screen
        self.wrong: list[str] = []

    async def run(self) -> None:
        for request in REQUESTS:
            self._screen.step(request.title)
            await self._request(request.ask, request.shown)
        before = self._house.holder.status.revision
        await self._live_edit()
        await self._broken_edit()
        self._expect("the tour's edits left a new revision", self._house.holder.status.revision != before)

    async def _live_edit(self) -> None:
        self._screen.step("A rule edited while the gateway runs")
        self._screen.edited(_ROUTE, _LIVE)
        before = self._house.holder.status
        status, seconds = await self._house.edit(_ROUTE, _LIVE)
        self._expect("the edit became current", status.ok and status.revision != before.revision)
        self._screen.note(f"taken up after {seconds * 1000:.0f} ms; the same request as in step 2:")
        answer = await self._request(_SAVINGS, Shown("europe", "savings"))
        self._expect("decided by the new revision", status.revision.startswith(answer.revision))

    async def _broken_edit(self) -> None:
        self._screen.step("A broken edit: nothing changes but the reports")
        self._screen.edited(_RIGHT, _TYPO)
        before = self._house.holder.status
        status, _ = await self._house.edit(_RIGHT, _TYPO)
        self._refusal(status)
        self._expect("the old revision is still served", not status.ok and status.revision == before.revision)
        await self._request(_SAVINGS, Shown("europe", "savings"))
        ready = (await self._client.get("/readyz")).json()
        self._screen.note(f"/readyz: ready {str(ready['ready']).lower()}, policy {ready['policy']}")
        self._expect("/readyz says so", ready["ready"] and ready["policy"] == "stale")
        status, _ = await self._house.edit(_TYPO, _RIGHT)
        self._expect("mended", status.ok)
        self._screen.note("mended, and in step with the directory again")

    def _refusal(self, status: Status) -> None:
        for problem in status.problems:
            self._screen.note(f"refused: {problem.span} {problem.message}")
            if problem.hint:
                self._screen.note(f"         {problem.hint}")

    async def _request(self, ask: Ask, shown: Shown) -> Answer:
        self._screen.asked(ask)
        answer = await send(ask, self._client, self._house)
        self._screen.answered(answer)
        self._screen.why(decide(ask, self._house))
        outcomes = tuple(attempt["outcome"] for attempt in answer.attempts)
        self._expect(f"{shown}", shown == _seen(answer, outcomes, shown))
        return answer

    def _expect(self, what: str, holds: bool) -> None:
        if not holds:
            self.wrong.append(what)
            self._screen.wrong([what])


def _seen(answer: Answer, outcomes: tuple[str, ...], shown: Shown) -> Shown:
    """The answer in the words of what was to be shown; a refusal has no target, so none is compared."""
    if shown.target is None:
        return Shown(None, None, answer.status, answer.code, outcomes)
    return Shown(answer.target, answer.rule, answer.status, answer.code, outcomes)
