"""`policyroute override`: what an operator says by hand for a while, for every gateway on a state directory.

Rule of this package: it writes down what is to hold, and for how long; gateways take it up by themselves.
"""

from __future__ import annotations

from policyroute_asgi.cli.actions import Actions
from policyroute_asgi.cli.override import clear, say, show

EXAMPLE = """  policyroute override drain openai --for 2h --reason 'they are down' --state-dir /var/lib/policyroute
  policyroute override use claude --for 30m --state-dir /var/lib/policyroute
  policyroute override list --state-dir /var/lib/policyroute
  policyroute override clear openai --state-dir /var/lib/policyroute"""

_ACTIONS = Actions({"use": say.USE, "drain": say.DRAIN, "clear": clear, "list": show})

configure = _ACTIONS.configure
run = _ACTIONS.run
