"""`policyroute audit`: what of a conversation went to whom, and whether the records of that are what was written.

Rule of this package: it reads, also beside a gateway that writes, and shows no more than is in a record.
"""

from __future__ import annotations

from policyroute_asgi.cli.actions import Actions
from policyroute_asgi.cli.audit import show, verify

EXAMPLE = """  policyroute audit show 7c1e-42 --tenant acme --state-dir /var/lib/policyroute
  policyroute audit verify --state-dir /var/lib/policyroute
  policyroute audit verify --help"""

_ACTIONS = Actions({"show": show, "verify": verify})

configure = _ACTIONS.configure
run = _ACTIONS.run
