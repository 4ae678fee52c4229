"""The whole gateway as users run it: `python -m scripts.benchmarks.gateway PORT POLICY_DIR [OPTION ...]`."""

from __future__ import annotations

import os
import sys

from policyroute_asgi.cli import main

if __name__ == "__main__":
    # The log line is part of what a request costs: it is written, to nowhere.
    sys.exit(main(["serve", sys.argv[2], "--port", sys.argv[1], "--log", os.devnull, *sys.argv[3:]]))
