"""A request made to fit what a target takes, with a record of every change.

Rule of this package: pure, from the original prompt, and the same prompt gives the same bytes, however much longer the
conversation has become, so that providers' prompt caches survive.
"""

from policyroute.adapt.fit import Fitted, asked_for, fit
from policyroute.adapt.room import Room, room

__all__ = ["Fitted", "Room", "asked_for", "fit", "room"]
