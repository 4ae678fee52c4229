"""The whole gateway as a process: `python -m scripts.benchmarks.gateway PORT POLICY_DIR`."""

from __future__ import annotations

import os
import sys

import uvicorn

from policyroute_asgi import gateway

if __name__ == "__main__":
    # The log line is part of what a request costs: it is written, to nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    application = gateway(sys.argv[2])
    uvicorn.run(application, port=int(sys.argv[1]), log_level="error", access_log=False)
