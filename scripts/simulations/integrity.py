"""Two targets, one of which breaks one schema now and then: who is asked, by the product's own decisions.

Rule of this module: no clock and no network; a second passes with each request, and chance comes from a seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import median

import orjson

from policyroute import ModelRequest, PolicySet, RoutingState
from policyroute.author.load import build
from policyroute.health.quality import AnswerQuality
from policyroute.integrity.demanded import hash_of, schema_of
from scripts.simulations.report import Promise

_POLICY = """
version: 1
providers:
  a: {dialect: openai_chat, base_url: "embedded:"}
  b: {dialect: openai_chat, base_url: "embedded:"}
targets:
  first: {provider: a, model: one}
  second: {provider: b, model: two}
default: {route: {targets: [first, second], rank: integrity}}
"""
_WITHIN = 20
"""Answers by which who breaks the schema is to be found out."""
_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """`broken`: the share of the schema's answers that `first` breaks. Each run begins with nothing known."""

    runs: int = 200
    broken: float = 0.2
    seed: int = 7


@dataclass(frozen=True, slots=True)
class _Run:
    """`switched`: after how many answers of the schema `second` came first, None if never. `bad`: how many of them were
    broken in all, `others`: whether other traffic stayed at `first`."""

    switched: int | None
    bad: int
    others: bool


def run(plan: Plan) -> list[Promise]:
    policy, rng = build({"integrity.yaml": _POLICY}), random.Random(plan.seed)
    breaking = [_run(policy, rng, plan.broken) for _ in range(plan.runs)]
    sound = [_run(policy, rng, 0.0) for _ in range(plan.runs)]
    rare = [_run(policy, rng, 0.01) for _ in range(plan.runs)]
    found = sorted(each.switched for each in breaking if each.switched is not None)
    in_time = sum(1 for each in found if each <= _WITHIN) / plan.runs
    bad = sum(each.bad for each in breaking) / plan.runs
    what = f"breaks {plan.broken:.0%} of one schema's answers"
    return [
        Promise(
            "first", f"{what}: left within {_WITHIN}", f"{in_time:.1%}, median {median(found):.0f}", in_time > 0.85
        ),
        Promise("first", f"{what}: broken of {_REQUESTS}", f"{bad:.1f}, {plan.broken * _REQUESTS:.0f} without"),
        Promise("first", "keeps the other traffic", _share(breaking, "others"), all(each.others for each in breaking)),
        Promise("first", "breaks nothing: stays first", _stayed(sound), all(each.switched is None for each in sound)),
        Promise("first", "breaks 1 %: stays first", _stayed(rare)),
    ]


def _run(policy: PolicySet, rng: random.Random, broken: float) -> _Run:
    quality = AnswerQuality()
    asked, other = _request({"a": "x"}), _request({"b": "y"})
    schema = hash_of(schema_of(asked, None))
    switched, bad, stayed = None, 0, True
    for number in range(_REQUESTS):
        now = float(number)
        state = RoutingState(quality=quality)
        target = policy.decide(asked, state, now).candidates[0].target
        if target == "second" and switched is None:
            switched = number
        breaks = target == "first" and rng.random() < broken
        bad += breaks
        _answered(quality, target, schema, breaks, now)
        elsewhere = policy.decide(other, state, now).candidates[0].target
        stayed = stayed and elsewhere == "first"
        _answered(quality, elsewhere, hash_of(schema_of(other, None)), breaks=False, now=now)
    return _Run(switched, bad, stayed)


def _answered(quality: AnswerQuality, target: str, schema: str, breaks: bool, now: float) -> None:
    place = ("a", "one") if target == "first" else ("b", "two")
    quality.fitted(*place, schema, not breaks, now)


def _request(wanted: dict[str, str]) -> ModelRequest:
    properties = {name: {"type": "string", "description": words} for name, words in wanted.items()}
    schema = {"type": "object", "properties": properties, "required": list(wanted)}
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "Hello"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
    }
    return ModelRequest.read("openai_chat", body=orjson.dumps(body), headers={}, path="/v1/chat/completions")


def _share(runs: list[_Run], what: str) -> str:
    return f"{sum(1 for each in runs if getattr(each, what)) / len(runs):.0%} of runs"


def _stayed(runs: list[_Run]) -> str:
    return f"{sum(1 for each in runs if each.switched is None) / len(runs):.0%} of runs"
