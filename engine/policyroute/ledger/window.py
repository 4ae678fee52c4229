"""Windows of time that are counted in: so many seconds, calendar days, calendar months.

Rule of this module: windows lie side by side, the same for everybody, so that processes agree on them without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from policyroute.cel.moments import zone


@dataclass(frozen=True, slots=True)
class Window:
    """`length` is seconds, or `day` or `month` in the time zone `tz` (`UTC`, `+02:00`, `Europe/Berlin`).

    Windows of seconds are counted from 1970: those of 24 hours begin at midnight UTC.
    """

    length: float | str
    tz: str = "UTC"

    def of(self, now: float) -> tuple[float, float]:
        """When the one that has `now` in it began, and when the next one does, in seconds since 1970. Raises ValueError
        for a time zone that there is not."""
        if isinstance(self.length, float):
            begin = now // self.length * self.length
            return begin, begin + self.length
        begins = datetime.fromtimestamp(now, zone(self.tz)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self.length == "month":
            begins = begins.replace(day=1)
            ends = (begins + timedelta(days=31)).replace(day=1)
        else:
            ends = begins + timedelta(days=1)  # of the calendar: where clocks change it has 23 hours, or 25
        return begins.timestamp(), ends.timestamp()
