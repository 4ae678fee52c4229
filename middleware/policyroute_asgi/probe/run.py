"""Runs a suite: every case at every target and provider that can be asked it, a few at a time.

Rule of this module: what cannot be asked is said, and why; it is never taken for an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from policyroute.decide.decision import Candidate
from policyroute.decide.eligibility import excluded
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.facts import Facts
from policyroute.decide.resolved import DEFAULT_FALLBACK
from policyroute.decide.state import RoutingState
from policyroute.policy.model import Provider, Target
from policyroute.request import Client
from policyroute_asgi.access import Access
from policyroute_asgi.embedded import embedded_provider
from policyroute_asgi.outward import Sender, sender
from policyroute_asgi.probe import recordings
from policyroute_asgi.probe.ask import ask
from policyroute_asgi.probe.baseline import TIMES, Baseline, Drift, drifted, entry_of
from policyroute_asgi.probe.seen import Seen, measure, unmet
from policyroute_asgi.probe.suite import Case, Suite, read
from policyroute_asgi.provider_connections import Connection
from policyroute_asgi.provider_keys import ProviderKeys
from policyroute_asgi.secrets import Key, Secrets
from policyroute_asgi.tokens import Tokens
from policyroute_asgi.transport import provider_transport

AT_ONCE: Final = 4
"""Cases that are asked at the same time."""
SURE: Final = 3
"""Answers without which nothing is said to be slow: one may be so by chance."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case at one place. `skipped` says why it was not asked; `entry` is what was seen. `texts` are the answers,
    to be shown where that was asked for and nowhere else."""

    target: str
    provider: str
    case: str
    skipped: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict[str, Any])
    known: bool = False
    drift: tuple[Drift, ...] = ()
    measured: bool = True
    texts: tuple[str, ...] = field(default=(), repr=False)

    @property
    def place(self) -> tuple[str, str, str]:
        return self.target, self.provider, self.case

    @property
    def slower(self) -> bool:
        return any(each.what in TIMES for each in self.drift)

    @property
    def good(self) -> bool:
        if self.skipped:
            return True
        return self.measured and not self.drift and (self.known or not self.entry["unmet"])

    def as_json(self) -> dict[str, Any]:
        place = {"target": self.target, "provider": self.provider, "case": self.case}
        if self.skipped:
            return {**place, "skipped": self.skipped}
        return {**place, "good": self.good, **self.entry, "drift": [each.as_json() for each in self.drift]}


@dataclass(frozen=True, slots=True)
class Settings:
    """What attempts go with; as `access.Settings` has it."""

    keys: Mapping[str, tuple[Key, ...]] = field(repr=False)
    connections: Mapping[str, Connection] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `lacking` says of providers why they cannot be asked. With `recorded` answers come from
    there, with `record` they are kept there."""

    suite: Suite
    secrets: Secrets
    lacking: Mapping[str, str]
    baseline: Baseline
    times: int = 1
    recorded: Path | None = None
    record: Path | None = None


async def probe(targets: Iterable[Target], plan: Plan) -> list[Result]:
    """Every case, in the order of targets, providers and cases. Raises OSError where a recording cannot be
    written."""
    transport = provider_transport(apps={"embedded": embedded_provider})
    try:
        asking = _Asking(plan, sender(transport))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asking.case(each, case)) for each, case in _cases(targets, plan.suite)]
        return [task.result() for task in tasks]
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await transport.aclose()


def _cases(targets: Iterable[Target], suite: Suite) -> Iterator[tuple[Candidate, Case]]:
    for target in targets:
        for provider in target.providers:
            for case in suite.cases:
                yield Candidate(target.name, target, provider), case


class _Asking:
    def __init__(self, plan: Plan, way: Sender) -> None:
        self._plan = plan
        self._way = way
        self._tokens = Tokens(way)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def case(self, candidate: Candidate, case: Case) -> Result:
        place = (candidate.target, candidate.provider.name, case.name)
        if said := self._obstacle(candidate, case):
            return Result(*place, skipped=said)
        async with self._turns:
            try:
                seen = await self._asked(candidate, case, self._plan.times)
            except recordings.Unusable as error:
                return Result(*place, skipped=str(error))
            result = self._judged(place, case, candidate.model, seen)
            if result.slower and len(seen) < SURE and self._plan.recorded is None and self._plan.record is None:
                seen += await self._asked(candidate, case, SURE - len(seen))
                result = self._judged(place, case, candidate.model, seen)
        return result

    async def _asked(self, candidate: Candidate, case: Case, times: int) -> list[Seen]:
        return [await self._once(candidate, case, number) for number in range(1, times + 1)]

    def _obstacle(self, candidate: Candidate, case: Case) -> str:
        """Why the case is not asked there; empty where it is."""
        lacking = self._plan.lacking.get(candidate.provider.name)
        if lacking and self._plan.recorded is None:
            return lacking
        request = read(case, candidate.model, stream=candidate.spec.supports["streaming"])
        endpoint = Endpoint(candidate.spec, candidate.provider)
        state = RoutingState.empty()
        out = excluded(endpoint, Facts(request, Client(), state, time.time(), {}), state, (), [], DEFAULT_FALLBACK)
        return out.detail if out else ""

    async def _once(self, candidate: Candidate, case: Case, number: int) -> Seen:
        plan = self._plan
        request = read(case, candidate.model, stream=candidate.spec.supports["streaming"])
        asked = recordings.digest(case, candidate)
        if plan.recorded is not None:
            path = recordings.file_of(plan.recorded, candidate, case, number)
            kept = await asyncio.to_thread(recordings.load, path, asked)
            keyless = replace(candidate, provider=_keyless(candidate.provider))
            access = Access(ProviderKeys(time.monotonic), Settings({}, {}), tokens=self._tokens)
            heard = await ask(keyless, request, access, recordings.Player(kept), plan.suite.timeout)
            heard.first, heard.total = kept.first, kept.total
            return measure(heard, request)
        keys = plan.secrets.keys
        known = tuple(key.value for pool in keys.values() for key in pool)
        recorder = recordings.Recorder(self._way, lambda: (*known, *self._tokens.values()))
        settings = Settings(keys, plan.secrets.connections)
        access = Access(ProviderKeys(time.monotonic), settings, tokens=self._tokens)
        heard = await ask(candidate, request, access, recorder if plan.record else self._way, plan.suite.timeout)
        seen = measure(heard, request)
        # An outage is worth no recording, and error pages show parts of keys.
        if plan.record is not None and seen.measured and (taken := recorder.recording(asked, heard)) is not None:
            path = recordings.file_of(plan.record, candidate, case, number)
            await asyncio.to_thread(recordings.save, path, taken)
        return seen

    def _judged(self, place: tuple[str, str, str], case: Case, model: str, seen: Sequence[Seen]) -> Result:
        failed = [said for each in seen for said in unmet(each, case.expect)]
        entry = entry_of(seen, failed, model, datetime.now(UTC).isoformat(timespec="seconds"))
        was = self._plan.baseline.entries.get(place)
        measured = all(each.measured for each in seen)
        # What a model is like does not change because nobody could ask it: an outage is told as one.
        drift = drifted(was, entry, self._plan.suite.latency) if was is not None and measured else ()
        texts = tuple(each.text or each.trouble for each in seen)
        return Result(*place, entry=entry, known=was is not None, drift=drift, measured=measured, texts=texts)


def _keyless(provider: Provider) -> Provider:
    return replace(provider, api_keys=(), client_key=False)
