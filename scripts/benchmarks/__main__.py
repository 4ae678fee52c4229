"""Runs the benchmarks and writes docs/benchmarks.md: `scripts/bench [NAME ...] [--quick]`.

`scripts/bench pipeline --kill` takes a minute longer, and is so where all are run.
`scripts/bench soak --minutes 10`, `scripts/bench audit`, `scripts/bench traces` and `scripts/bench attacks` (three
minutes) are run where they are named only.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.benchmarks import (
    attacks_bench,
    audit_bench,
    boundary_bench,
    decide_bench,
    gateway_bench,
    memory_bench,
    mid_stream_bench,
    pipeline_bench,
    redact_bench,
    reload_bench,
    replace_bench,
    scrub_bench,
    session_bench,
    soak_bench,
    state_bench,
    traces_bench,
    translation_bench,
    workers_bench,
)
from scripts.benchmarks.report import Section, section

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Measured by `scripts/bench`, written by it. CPU figures are ratios to a bare ASGI proxy on aiohttp, on the same machine,
same upstream, 16 requests in flight, alternating in one run (5 rounds, medians). The policy
set has 20 rules and the profiles pack. The budgets are what a release has to hold.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "only",
        nargs="*",
        help="decide, gateway, translation, redact, scrub, boundary, reload, state, session, memory, workers, pipeline "
        "(these unless named), soak, midstream, audit, traces, attacks",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of soak (default: %(default)s)")
    parser.add_argument("--kill", action="store_true", help="pipeline: kill the gateway in mid-swap, too")
    parser.add_argument(
        "--quick", action="store_true", help="a fifth of the requests; docs/benchmarks.md is left alone"
    )
    options = parser.parse_args()
    scale = 0.2 if options.quick else 1.0
    everything = not (options.only or options.quick)
    benches: dict[str, Callable[[], Section]] = {
        "decide": lambda: section("Deciding", decide_bench.run(3 if options.quick else 5)),
        "gateway": lambda: section("The whole gateway", gateway_bench.run(scale)),
        "translation": lambda: section("Other dialects, on top", translation_bench.run(scale)),
        "redact": lambda: section(
            "Redaction: looking, and replacing without looking",
            [*redact_bench.run(10 if options.quick else 50), *replace_bench.run()],
        ),
        "scrub": lambda: section("What another provider gets of a prompt", scrub_bench.run(2 if options.quick else 10)),
        "boundary": lambda: section(
            "Labels and redaction, the whole request", boundary_bench.run(3 if options.quick else 15)
        ),
        "reload": lambda: section("Reload under load", reload_bench.run()),
        "state": lambda: section("What is kept of a conversation", state_bench.run(scale)),
        "session": lambda: section("Conversations and agents, on top", session_bench.run(scale)),
        "memory": lambda: section("Memory", memory_bench.run()),
        "workers": lambda: section("Four workers under load", workers_bench.run()),
        "pipeline": lambda: pipeline_bench.run(kill=options.kill or everything),
    }
    chosen = options.only or list(benches)
    benches["soak"] = lambda: section("Soak", soak_bench.run(options.minutes))
    benches["midstream"] = lambda: section("A thousand streams, a third cut", mid_stream_bench.run())
    benches["audit"] = lambda: section("Audit records", audit_bench.run(scale))
    benches["attacks"] = lambda: section("Attacks", attacks_bench.run())
    benches["traces"] = lambda: section("Traces, on top", traces_bench.run(scale))
    sections: list[Section] = []
    for name in chosen:
        sections.append(benches[name]())
        sys.stdout.write(sections[-1].text + "\n")
    if everything:
        machine = f"Machine: {platform.machine()}, {platform.system()}, CPython {platform.python_version()}.\n"
        _PAGE.write_text("\n".join([_HEAD, machine, *(each.text for each in sections)]), encoding="utf-8")
    return 0 if all(each.held for each in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
