"""What is watched for, and what is done, in which order.

Rule of this module: values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

ReactionKind = Literal["nudge", "prune", "swap", "stop"]
"""What can be done, from the mildest: the model is told; it is shown no repetitions any more; another one is asked; the
request is refused."""

POLLING: Final = ("wait", "sleep", "poll", "status", "tail")
"""Words in the names of tools that are called again and again by their nature."""


@dataclass(frozen=True, slots=True)
class Watch:
    """`react`: what is done the first time, the second, ...; the last of them from then on. None of it: nothing is
    watched. `repeats`: so many calls that are the same, with the same result, are a loop. `polling`: words in the names
    of tools that may be called three times as often; so may a command that sleeps."""

    react: tuple[str, ...] = ()
    repeats: int = 3
    polling: tuple[str, ...] = POLLING

    def as_json(self) -> dict[str, Any]:
        return {"react": list(self.react), "repeats": self.repeats, "polling": list(self.polling)}


NOT_WATCHED: Final = Watch()
