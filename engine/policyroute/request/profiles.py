"""The profiles a caller may name, and which one a request has.

Rule of this module: what is not known is the caller's mistake, what is not granted is refused; neither becomes another
profile in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policyroute.request.values import BadRequest

BATCH: Final = "BATCH"
"""The profile of callers who can wait: only they may be served by and by."""

PROFILES: Final = ("CHAT", "AGENT", BATCH, "SAVINGS")
"""The profiles that are known where a policy names none of its own; the first is what no header means."""

SHED: Final = (BATCH, "SAVINGS", "CHAT")
"""In which order they are refused where there is no room, if a policy names none of its own: an agent in the midst of
its task goes last."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a policy set. `default` is one of the known ones, `shed` some of them: whose requests are refused
    first where there is no room."""

    known: tuple[str, ...] = PROFILES
    default: str = PROFILES[0]
    shed: tuple[str, ...] = SHED

    def standing(self, profile: str) -> int:
        """How long requests of this profile are held on to where there is no room: those with 0 are refused first,
        those of profiles that are not in `shed` last."""
        return self.shed.index(profile) if profile in self.shed else len(self.shed)

    def chosen(self, named: str, granted: tuple[str, ...] | None = None) -> str:
        """The profile of a request that names this one (empty: none) for a client with these (None: all).

        Raises BadRequest for one that is not known, and for one that is not granted.
        """
        if named and named not in self.known:
            raise BadRequest("unknown_profile", f"X-Router-Profile must be one of {', '.join(self.known)}.")
        wanted = named or self.default
        if granted is None or wanted in granted:
            return wanted
        own = [name for name in granted if name in self.known]
        if named or not own:
            allowed = f"it may use {', '.join(own)}" if own else "it may use none"
            raise BadRequest(
                "profile_not_granted", f"The profile {wanted} is not granted to this client: {allowed}.", 403
            )
        return own[0]


SHIPPED: Final = Profiles()
"""The profiles of a policy set that names none of its own."""
