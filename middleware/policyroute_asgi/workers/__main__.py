"""`python -m policyroute_asgi.workers`: how a supervisor starts a worker. For nobody else: it needs its line."""

from __future__ import annotations

import sys

from policyroute_asgi.workers.worker import run

sys.exit(run(*map(int, sys.argv[1:])))
