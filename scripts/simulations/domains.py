"""Nine targets at three vendors in three regions, some of which go down: what is blamed, how soon, how many requests
are lost where the policy says what they have in common, and where it does not.

Rule of this module: who is asked, what is concluded and what is left alone are the product's; arrivals and failures are
thrown by a seeded die, on a clock of its own. An attempt takes a moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from statistics import mean, median
from typing import Final

from policyroute.author.load import build
from policyroute.decide.decision import Candidate, Excluded
from policyroute.decide.resolved import ResolvedFallback, ResolvedLimits
from policyroute.events import Finished, FinishReason, TextDelta
from policyroute.exchange.commands import Command, Failed, Open, Received
from policyroute.exchange.machine import Exchange
from policyroute.failures import Failure, FailureKind
from policyroute.health.together import Domain
from policyroute.policy.model import Target
from policyroute.request import Operation
from policyroute_asgi.resting import Caution, Resting
from scripts.simulations.report import Promise

VENDORS: Final = ("north", "south", "west")
REGIONS: Final = ("eu", "us", "asia")
NAMES: Final = [f"{vendor}-{region}" for vendor, region in product(VENDORS, REGIONS)]
FAILS, FAILS_DOWN = 0.01, 0.95
"""The share of attempts that fail where a target is well, and where it is down."""
QUIET, LASTS, DOWN_AT, UP_AT = 900.0, 420.0, 120.0, 300.0
"""Seconds: of a run where nothing happens, of another, and between which of these something is down."""
MOMENT: Final = 0.01
FALLBACK: Final = ResolvedFallback(retries=0, max_swaps=2, max_attempts=3, swap_delay=0.0)
LIMITS: Final = ResolvedLimits(connect=5.0, ttft=10.0, idle=10.0, total=30.0)
DOWN: Final = Failure(FailureKind.UNAVAILABLE, "down")

Outage = dict[str, float]
"""Who goes down, and when. All are well again at UP_AT."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate`: requests per second whose first choice is one target."""

    runs: int = 60
    seed: int = 7
    rate: float = 1.0


@dataclass(slots=True)
class Run:
    """`verdicts`: domains, and when each was blamed; `over`: when none was any more."""

    outage: Outage
    requests: int = 0
    lost: int = 0
    attempts: int = 0
    verdicts: list[tuple[Domain, float]] = field(default_factory=list[tuple[Domain, float]])
    over: float | None = None

    @property
    def begun(self) -> float:
        return min(self.outage.values(), default=0.0)


def targets(*, declared: bool) -> dict[str, Target]:
    """Each at an account of its own. Where nothing is declared nobody knows what they have in common."""
    lines = ["version: 1", "providers:"]
    for vendor, region in product(VENDORS, REGIONS):
        known = f", region: {region}, failure_domains: [{vendor}]" if declared else ""
        address = f"https://{region}.{vendor}.example/v1"
        lines.append(f"  {vendor}-{region}: {{dialect: openai_chat, base_url: {address}{known}}}")
    lines += ["targets:", *(f"  {name}: {{provider: {name}, model: m}}" for name in NAMES)]
    lines.append(f"default: {{route: [{', '.join(NAMES)}]}}")
    return dict(build({"policy.yaml": "\n".join(lines)}).program.targets)


class World:
    """One run. The clock goes from arrival to arrival."""

    def __init__(self, outage: Outage, dice: random.Random, *, declared: bool) -> None:
        self.now = 0.0
        self.run = Run(outage)
        self._dice = dice
        self._resting = Resting(lambda: self.now)
        known = targets(declared=declared)
        self._resting.use({}, known)
        self._candidates = {name: Candidate(name, spec, spec.providers[0]) for name, spec in known.items()}

    def goes(self, seconds: float, rate: float) -> Run:
        while True:
            self.now += self._dice.expovariate(rate * len(NAMES))
            if self.now >= seconds:
                return self.run
            self._request(self._dice.choice(NAMES))
            self._note()

    def _request(self, first: str) -> None:
        """First the one that is wanted, then those of its vendor, then the others."""
        order = sorted(NAMES, key=lambda name: (name != first, name.split("-")[0] != first.split("-", maxsplit=1)[0]))
        candidates = [self._candidates[name] for name in order]
        caution = Caution(self._resting, candidates, FALLBACK.after, Operation.CHAT)

        def eligible(candidate: Candidate, now: float) -> Excluded | Failure | None:
            del now
            return caution.passed_over(candidate, None, lambda _: None)

        def ended(outcome: str, failure: Failure | None, first_token: float | None) -> None:
            del first_token
            caution.ended(failure, ok=outcome == "ok")

        exchange = Exchange(candidates, FALLBACK, LIMITS, stream=False, eligible=eligible, ended=ended)
        commands = exchange.start(self.now)
        while (opened := _opened(commands)) is not None:
            self.now += MOMENT
            commands = exchange.step(self._answer(opened), self.now)
        self.run.requests += 1
        self.run.attempts += len(exchange.record.attempts)
        self.run.lost += exchange.record.outcome != "ok"

    def _answer(self, opened: Open) -> Failed | Received:
        down = self.run.outage.get(opened.attempt.candidate.target, UP_AT) <= self.now < UP_AT
        if self._dice.random() < (FAILS_DOWN if down else FAILS):
            return Failed(opened.id, DOWN)
        return Received(opened.id, (TextDelta("Hello"), Finished(FinishReason.STOP)), end=True)

    def _note(self) -> None:
        blamed = self._resting.table.domains.verdicts
        seen = {domain for domain, _ in self.run.verdicts}
        self.run.verdicts += [(domain, self.now) for domain in blamed if domain not in seen]
        if blamed:
            self.run.over = None
        elif self.run.verdicts and self.run.over is None:
            self.run.over = self.now


def _opened(commands: list[Command]) -> Open | None:
    return next((each for each in commands if isinstance(each, Open)), None)


def of(tag: str) -> list[str]:
    return [name for name in NAMES if tag in name.split("-")]


Throw = Callable[[random.Random], tuple[Outage, Domain | None]]
"""Who goes down this time, and what should be blamed."""


def vendor(dice: random.Random) -> tuple[Outage, Domain | None]:
    which = dice.choice(VENDORS)
    return dict.fromkeys(of(which), DOWN_AT), Domain("failure_domain", which)


def region(dice: random.Random) -> tuple[Outage, Domain | None]:
    which = dice.choice(REGIONS)
    return dict.fromkeys(of(which), DOWN_AT), Domain("region", which)


def single(dice: random.Random) -> tuple[Outage, Domain | None]:
    return {dice.choice(NAMES): DOWN_AT}, None


def two(dice: random.Random) -> tuple[Outage, Domain | None]:
    """Any two, one after the other; some have a vendor or a region in common."""
    return {name: DOWN_AT + dice.uniform(0.0, 60.0) for name in dice.sample(NAMES, 2)}, None


def everything(dice: random.Random) -> tuple[Outage, Domain | None]:
    del dice
    return dict.fromkeys(NAMES, DOWN_AT), Domain("all", "")


KINDS: Final[dict[str, Throw]] = {
    "a vendor is down": vendor,
    "a region is down": region,
    "one target is down": single,
    "two are, each for itself": two,
    "everything is down": everything,
}


def run(plan: Plan) -> list[Promise]:
    promises: list[Promise] = []
    for name, throw in KINDS.items():
        promises += _compared(name, throw, plan)
    dice = [random.Random(f"{plan.seed} quiet {number}") for number in range(plan.runs)]
    quiet = [World({}, each, declared=True).goes(QUIET, plan.rate) for each in dice]
    false = sum(bool(each.verdicts) for each in quiet)
    return [*promises, Promise("nothing is down", f"runs of {QUIET:.0f} s with a verdict", str(false), false == 0)]


def _compared(name: str, throw: Throw, plan: Plan) -> list[Promise]:
    """The same outages and the same dice, with what is in common declared and without."""
    runs: list[tuple[Run, Run, Domain | None]] = []
    for number in range(plan.runs):
        seed = f"{plan.seed} {name} {number}"
        outage, right = throw(random.Random(seed))
        both = [World(outage, random.Random(seed), declared=it).goes(LASTS, plan.rate) for it in (True, False)]
        runs.append((both[0], both[1], right))
    found = [_of_verdicts(name, [(told, right) for told, _, right in runs])] if throw is not everything else []
    if throw in {vendor, region, everything}:
        found += _of_times(name, [(told, right) for told, _, right in runs if right is not None])
    lost, plain = mean(told.lost for told, _, _ in runs), mean(untold.lost for _, untold, _ in runs)
    asked = mean(told.attempts - told.requests for told, _, _ in runs)
    untold = mean(untold.attempts - untold.requests for _, untold, _ in runs)
    held = lost <= plain + 0.1 if throw is not everything else None  # one in ten runs is chance
    found.append(Promise(name, "requests lost a run, declared and not", f"{lost:.1f}, {plain:.1f}", held))
    found.append(Promise(name, "attempts beyond one a request, declared and not", f"{asked:.0f}, {untold:.0f}"))
    return found


def _of_verdicts(name: str, runs: list[tuple[Run, Domain | None]]) -> Promise:
    total = len(runs)
    if runs[0][1] is None:
        false = sum(bool(each.verdicts) for each, _ in runs)
        return Promise(name, "runs with a verdict", f"{false} of {total}", false == 0)
    right = sum([domain for domain, _ in each.verdicts] == [domain] for each, domain in runs)
    return Promise(name, "the right tag, and no other", f"{right} of {total}", right == total)


def _of_times(name: str, runs: list[tuple[Run, Domain]]) -> list[Promise]:
    times = [at - each.begun for each, right in runs for domain, at in each.verdicts if domain == right]
    after = [each.over - UP_AT for each, _ in runs if each.over is not None]
    wrong = sum(any(domain != right for domain, _ in each.verdicts) for each, right in runs)
    said = f"median {median(times):.0f} s, longest {max(times):.0f} s" if times else "never"
    ended = f"median {median(after):.0f} s, longest {max(after):.0f} s" if after else "never"
    found = [Promise(name, "until it is blamed", said), Promise(name, "from its end to the verdict's", ended)]
    if runs[0][1].tag == "all":
        whole = f"{len(times)} of {len(runs)}"
        found.insert(0, Promise(name, "blamed as a whole in the end", whole, len(times) == len(runs)))
        found.append(Promise(name, "runs that blamed something narrower first", f"{wrong} of {len(runs)}"))
    return found
