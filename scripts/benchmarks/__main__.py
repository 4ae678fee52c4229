"""Runs the benchmarks and writes docs/benchmarks.md: `scripts/bench [NAME ...] [--quick]`.

`scripts/bench soak --minutes 10` and `scripts/bench attacks` (three minutes) are run where they are named only, and so
is `scripts/bench pipeline`, whose table is no measurement: the same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.benchmarks import (
    attacks_bench,
    decide_bench,
    gateway_bench,
    memory_bench,
    mid_stream_bench,
    pipeline_bench,
    reload_bench,
    soak_bench,
    translation_bench,
    workers_bench,
)
from scripts.benchmarks.report import Figure, markdown

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Measured by `scripts/bench`, written by it. CPU figures are ratios to a bare ASGI proxy on aiohttp, on the same machine,
same upstream, 16 requests in flight, alternating in one run (5 rounds, medians). The policy
set has 20 rules and the profiles pack. The budgets are what a release has to hold.
"""
_TAIL = """## The silent swap

`scripts/bench pipeline`: an agent pipeline (`examples/pipeline`) of three steps, each of which feeds the next
one its JSON, against three tiers of models that look at what they are sent: a tier that is sent what it does
not know ignores it and answers something else, and one that takes over in the midst of a task and is not told
where it is begins at the beginning. 10 runs, seeds from 42, the best tier throttled from the first or second
step on. `intact` is of the answers there are; latency is computed, 20 ms x U(0.8, 1.2) a call, so that the same
seed gives the same bytes; the delay before each swap is a column of its own. Below, the figures that were
published for this scenario, whose second strategy was told to fail.

{table}
Killed with SIGKILL while the fallback is being asked for the first time, with its state in a directory, and
started again, the pipeline asking once more (`scripts/bench pipeline --kill`):

{killed}"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "only",
        nargs="*",
        help="decide, gateway, translation, reload, memory, workers (these unless named), soak, attacks, midstream, "
        "pipeline",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of soak (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="a fifth of the requests; docs/benchmarks.md is left alone"
    )
    parser.add_argument("--kill", action="store_true", help="of pipeline: the gateway is killed before the swap")
    options = parser.parse_args()
    if options.only == ["pipeline"]:
        sys.stdout.write(pipeline_bench.run(kill=options.kill))
        return 0
    scale = 0.2 if options.quick else 1.0
    benches: dict[str, tuple[str, Callable[[], list[Figure]]]] = {
        "decide": ("Deciding", lambda: decide_bench.run(1 if options.quick else 3)),
        "gateway": ("The whole gateway", lambda: gateway_bench.run(scale)),
        "translation": ("Other dialects, on top", lambda: translation_bench.run(scale)),
        "reload": ("Reload under load", reload_bench.run),
        "memory": ("Memory", memory_bench.run),
        "workers": ("Four workers under load", workers_bench.run),
    }
    chosen = options.only or list(benches)
    benches["soak"] = ("Soak", lambda: soak_bench.run(options.minutes))
    benches["midstream"] = ("A thousand streams, a third cut", mid_stream_bench.run)
    benches["attacks"] = ("Attacks", attacks_bench.run)
    pages: list[str] = []
    held = True
    for name in chosen:
        title, bench = benches[name]
        figures = bench()
        held = held and all(figure.held for figure in figures)
        pages.append(markdown(title, figures))
        sys.stdout.write(pages[-1] + "\n")
    if not options.only and not options.quick:
        machine = f"Machine: {platform.machine()}, {platform.system()}, CPython {platform.python_version()}.\n"
        swap = _TAIL.format(table=pipeline_bench.run(kill=False), killed=pipeline_bench.run(kill=True))
        _PAGE.write_text("\n".join([_HEAD, machine, *pages, swap]), encoding="utf-8")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
