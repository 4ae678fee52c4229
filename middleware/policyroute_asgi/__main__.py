"""`python -m policyroute_asgi` is the `policyroute` command."""

from __future__ import annotations

import sys

from policyroute_asgi.cli import main

sys.exit(main())
