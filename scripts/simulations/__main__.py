"""Runs a simulation and prints what was promised and what was counted: `scripts/simulate sessions`, `agents` or
`integrity`.

The exit status is 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import sys

from scripts.simulations import agents, domains, integrity, sessions
from scripts.simulations.report import all_held, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    talks = kinds.add_parser("sessions", help="conversations of all profiles under changing load, one target failing")
    talks.add_argument("--conversations", type=int, default=10_000, help="of eight turns (default: %(default)s)")
    talks.add_argument("--workers", type=int, default=4, help="default: %(default)s")
    loops = kinds.add_parser("agents", help="agents that go round in circles now and then, with and without AGENT")
    loops.add_argument("--agents", type=int, default=300, help="default: %(default)s")
    schemas = kinds.add_parser("integrity", help="one of two targets breaks one schema now and then")
    schemas.add_argument("--runs", type=int, default=200, help="default: %(default)s")
    outages = kinds.add_parser("domains", help="nine targets, of which a vendor, a region, or single ones go down")
    outages.add_argument("--runs", type=int, default=60, help="of each kind (default: %(default)s)")
    outages.add_argument("--rate", type=float, default=1.0, help="requests a second a target (default: %(default)s)")
    for each in (talks, loops, schemas, outages):
        each.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # what a gateway would tell its operator
    if options.kind == "sessions":
        plan = sessions.Plan(options.conversations, workers=options.workers, seed=options.seed)
        title, promises = f"{plan.conversations:,} conversations, {plan.workers} workers", sessions.run(plan)
    elif options.kind == "integrity":
        title, promises = f"{options.runs} runs", integrity.run(integrity.Plan(options.runs, options.seed))
    elif options.kind == "domains":
        title = f"{options.runs} runs of each kind, {options.rate:g} requests a second a target"
        promises = domains.run(domains.Plan(options.runs, options.seed, options.rate))
    else:
        title = f"{options.agents} agents"
        promises = agents.run(agents.Plan(options.agents, options.seed))
    sys.stdout.write(table(title, promises))
    return 0 if all_held(promises) else 1


if __name__ == "__main__":
    sys.exit(main())
