"""Two targets, one of which breaks one schema now and then: how soon `rank: integrity` goes elsewhere for that schema.

Rule of this module: decisions and what is observed are the product's; only answers are thrown, by a seeded die. A
second passes between requests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from policyroute import ModelRequest, PolicySet, RoutingState
from policyroute.author.load import build
from policyroute.health.quality import AnswerQuality
from policyroute.integrity.demanded import hash_of, schema_of
from scripts.simulations.report import Promise

POLICY = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:"}}
targets: {first: {provider: demo, model: ok}, second: {provider: demo, model: small}}
default: {route: {targets: [first, second], rank: integrity}}
"""
BEGUN = 1_800_000_000.0
ROUNDS = 100
"""Of three requests: one that has to fit the schema in question, one another, one none."""
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`breaks` is the share of answers of the first target that do not fit the schema in question, `others` that of
    everything else."""

    runs: int = 200
    seed: int = 7
    breaks: float = 0.2
    others: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """`switched`: how many answers were measured by the schema before the second target was chosen for it; None where
    it never was. `after`: the share of later ones that it was chosen for; `kept`: the first one's of other requests."""

    switched: int | None
    after: float
    kept: float


def _request(name: str | None) -> ModelRequest:
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
    schema = {"type": "object", "required": [name]}
    if name is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}
    path = "/v1/chat/completions"
    return ModelRequest.read("openai_chat", json.dumps(body).encode(), {}, path, id="r1", received_at=BEGUN)


REQUESTS = {name: _request(name) for name in ("bad", "good", None)}


def one(plan: Plan, policy: PolicySet, dice: random.Random) -> Run:
    quality = AnswerQuality()
    state = RoutingState(quality=quality)
    chosen: dict[str | None, list[str]] = {name: [] for name in REQUESTS}
    models = {"first": "ok", "second": "small"}
    for number in range(ROUNDS * len(REQUESTS)):
        name = tuple(REQUESTS)[number % len(REQUESTS)]
        now = BEGUN + number
        schema = hash_of(schema_of(REQUESTS[name], None))
        decision = policy.decide(REQUESTS[name], state, now)
        order = [each.target for each in decision.candidates]
        chosen[name].append(order[0])
        for target in order:  # the next one is asked where the answer does not fit
            intact = dice.random() >= (plan.breaks if (target, name) == ("first", "bad") else plan.others)
            if name is not None:
                quality.fitted("demo", models[target], schema, intact, now)
            if intact:
                break
    return _seen(chosen)


def _seen(chosen: dict[str | None, list[str]]) -> Run:
    bad = chosen["bad"]
    switched = bad.index("second") if "second" in bad else None
    later = [] if switched is None else bad[switched:]
    others = [*chosen["good"], *chosen[None]]
    return Run(switched, later.count("second") / len(later) if later else 0.0, others.count("first") / len(others))


def runs(plan: Plan) -> Iterator[Run]:
    policy, dice = build({"policy.yaml": POLICY}), random.Random(plan.seed)
    for _ in range(plan.runs):
        yield one(plan, policy, dice)


def run(plan: Plan) -> list[Promise]:
    broken = list(runs(plan))
    calm = list(runs(Plan(plan.runs, plan.seed, 0.0, 0.0)))
    noisy = list(runs(Plan(plan.runs, plan.seed, 0.01, 0.01)))
    sooner = [each.switched for each in broken if each.switched is not None]
    within = sum(each <= SAMPLES for each in sooner) / plan.runs
    kept = mean(each.kept for each in broken)
    after = mean(each.after for each in broken if each.switched is not None)
    false = sum(each.switched is not None for each in calm)
    chance = sum(each.switched is not None for each in noisy) / plan.runs
    late = f"median {median(sooner):.0f}, latest {max(sooner)}, never in {plan.runs - len(sooner)} runs"
    return [
        Promise("the schema", f"goes elsewhere within {SAMPLES} samples, 80 % of runs", f"{within:.1%}", within >= 0.8),
        Promise("the schema", "samples until then", late),
        Promise("the schema", "goes on elsewhere, 85 % of what follows", f"{after:.1%}", after >= 0.85),
        Promise("all else", "stays, 95 %", f"{kept:.1%}", kept >= 0.95),
        Promise("no breaks", "runs that went elsewhere", str(false), false == 0),
        Promise("both break 1 %", "runs that went elsewhere once or more, of 100 requests", f"{chance:.1%}"),
    ]
