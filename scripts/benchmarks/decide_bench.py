"""How long a decision takes with 10 to 5,000 rules, facts included; and loading that many."""

from __future__ import annotations

import gc
import random
import time
from statistics import median

from policyroute import Client, ModelRequest, PolicySet, RoutingState
from policyroute.author.load import build
from scripts.benchmarks import policies
from scripts.benchmarks.report import Figure, percentile

_LIMITS = {10: 15.0, 1000: 50.0}


def run(rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    for rules in (10, 100, 1000, 5000):
        text = policies.directory(rules, "http://127.0.0.1:1/v1")
        started = time.perf_counter()
        policy = build({"bench.yaml": text})
        loaded = time.perf_counter() - started
        figures.extend(_decide(policy, rules, rounds))
        limit = 1.5 if rules == 1000 else None
        figures.append(Figure(f"cold load of {rules:,} rules", loaded, "s", limit, f"{len(text) // 1024} KiB of YAML"))
    return figures


def _decide(policy: PolicySet, rules: int, rounds: int) -> list[Figure]:
    rng = random.Random(11)
    state = RoutingState.empty()
    drawn = [policies.chat_request(rng) for _ in range(2000)]
    gc.collect()
    gc.freeze()
    times: list[list[float]] = [[] for _ in drawn]
    fired = candidates = 0
    for _ in range(rounds):
        for (body, headers, facts), taken in zip(drawn, times, strict=True):
            request = ModelRequest.read("openai_chat", body=body, headers=headers, path="/v1/chat/completions")
            client = Client(**facts)
            started = time.perf_counter_ns()
            decision = policy.decide(request, state, now=0.0, client=client)
            taken.append((time.perf_counter_ns() - started) / 1000)
            fired = max(fired, len(decision.fired))
            candidates = max(candidates, len(decision.candidates))
    gc.unfreeze()
    samples = list(map(median, times))  # of one request: what else the machine does is not the policy's
    every = percentile([each for taken in times for each in taken], 0.99)
    detail = f"p50 {percentile(samples, 0.5):.1f} µs; of all {rounds} times {every:.1f}; "
    detail += f"at most {fired} rules fired, {candidates} candidates"
    return [Figure(f"decide, {rules:,} rules, p99", percentile(samples, 0.99), "µs", _LIMITS.get(rules), detail)]
