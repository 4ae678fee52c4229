"""`policyroute client`: make a key for a client, see who has one, take one back.

Rule of this package: a key is printed once, by the command that makes it. Everything else is about digests.
"""

from __future__ import annotations

from policyroute_asgi.cli.actions import Actions
from policyroute_asgi.cli.client import add, revoke, show

EXAMPLE = """  policyroute client add ci --team build --rpm 600 --dir policies/
  policyroute client list policies/ --state-dir /var/lib/policyroute
  policyroute client revoke ci policies/ --state-dir /var/lib/policyroute
  policyroute client add --help"""

_ACTIONS = Actions({"add": add, "list": show, "revoke": revoke})

configure = _ACTIONS.configure
run = _ACTIONS.run
