"""Whether a chain is what was written: nothing changed, removed, moved, said twice or cut off.

Rule of this module: it reads once, in order, and keeps no line. What it cannot know (whether the end was cut off where
no head is known) it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policyroute.audit.chain import NOTHING, Entry, Head, read, torn
from policyroute.audit.findings import Code, Finding, Verified
from policyroute.audit.marks import Marks

MOST: Final = 1000
"""Findings of a chain that are listed."""
_OPENING: Final = frozenset({"begin", "restart"})


@dataclass(frozen=True, slots=True)
class Line:
    """`data` without its newline; `whole`: it had one. `place` is for people: `FILE:LINE`."""

    place: str
    data: bytes
    whole: bool = True


@dataclass(slots=True)
class _Gap:
    """Entries that have not been seen yet: from `first` to `last`. `excused` of them are lines that cannot be read."""

    first: int
    last: int
    excused: int
    place: str


def verify(chain: str, lines: Iterable[Line], keys: Iterable[Marks], heads: Iterable[Head]) -> Verified:
    """`lines` are all there are of the chain, in the order of its files; `keys` those it may be sealed with; `heads`
    what was exported, of this chain and others."""
    check = _Check(chain, {each.id: each for each in keys}, [each for each in heads if each.chain == chain])
    for line in lines:
        check.line(line)
    return check.done()


class _Check:
    def __init__(self, chain: str, keys: Mapping[str, Marks], heads: Iterable[Head]) -> None:
        self._found = Verified(chain)
        self._keys = keys
        self._heads: dict[int, set[str]] = {}
        for head in heads:
            self._heads.setdefault(head.n, set()).add(head.hash)
        self._reached = Head(chain)
        self._broken: list[Line] = []
        self._gaps: list[_Gap] = []
        self._forgotten = 0
        self._unsealed: dict[str, int] = {}

    def line(self, line: Line) -> None:
        entry = read(line.data)
        if entry is None or not entry.intact:
            self._broken.append(line)
            if len(self._broken) > MOST:
                self._changed(self._broken.pop(0))
            return
        excused = self._settle(entry)
        if entry.chain != self._reached.chain:
            self._say(Code.FOREIGN, f"an entry of the chain {entry.chain}", line.place, entry.n)
            return
        self._found.entries += 1
        self._found.records += entry.kind == "record"
        self._seal(entry, line)
        self._place(entry, line, excused)

    def done(self) -> Verified:
        last = self._broken[-1] if self._broken else None
        if last is not None and not last.whole:
            self._broken.pop()
            self._say(Code.TORN, "the last line is not whole: a process was killed while it wrote", last.place)
        for broken in self._broken:
            self._changed(broken)
        for gap in self._gaps:
            self._lost(gap)
        for key, count in self._unsealed.items():
            self._say(Code.UNSEALED, f"{count} are sealed with the key {key}, which is not here: only hashes checked")
        self._compare()
        self._found.head = str(self._reached) if self._reached.n else None
        return self._found

    def _settle(self, entry: Entry) -> int:
        """What could not be read before this entry is torn where it says so, else changed: how many of those."""
        broken, self._broken = self._broken, []
        if broken and entry.kind in _OPENING and entry.content.get("torn") == torn(broken[-1].data):
            place = broken.pop().place
            self._say(Code.TORN, "half a line, left by a process that was killed while it wrote", place)
        for line in broken:
            self._changed(line)
        return len(broken)

    def _changed(self, line: Line) -> None:
        entry = read(line.data)
        n = entry.n if entry is not None and entry.chain == self._reached.chain else None
        self._say(Code.CHANGED, "it is not what was written: its hash does not fit", line.place, n)

    def _seal(self, entry: Entry, line: Line) -> None:
        marks = self._keys.get(entry.key)
        if marks is None:
            self._unsealed[entry.key] = self._unsealed.get(entry.key, 0) + 1
        elif not marks.sealed(entry.hash, entry.mac):
            self._say(Code.FORGED, "its hash was made to fit, and its seal does not", line.place, entry.n)

    def _place(self, entry: Entry, line: Line, excused: int) -> None:
        """Whether it is where it belongs."""
        expected = self._reached.n + 1
        if entry.n < expected:
            self._late(entry, line)
            return
        if entry.n > expected:
            self._gaps.append(_Gap(expected, entry.n - 1, excused, line.place))
        elif not excused and entry.prev != self._reached.hash:
            self._say(Code.UNLINKED, "it does not follow the one before it", line.place, entry.n)
        self._reached = entry.head
        if entry.hash not in self._heads.get(entry.n, {entry.hash}):
            self._say(Code.REWRITTEN, "another entry was here when the head was exported", line.place, entry.n)
        if entry.kind == "restart":
            self._say(Code.RESTARTED, "a process went on here", line.place, entry.n)
        elif entry.kind == "forget":
            through = entry.content.get("through")
            self._forgotten = max(self._forgotten, through if isinstance(through, int) else 0)

    def _late(self, entry: Entry, line: Line) -> None:
        for index, gap in enumerate(self._gaps):
            if gap.first <= entry.n <= gap.last:
                self._say(Code.REORDERED, "it comes after others that followed it", line.place, entry.n)
                parts = _Gap(gap.first, entry.n - 1, gap.excused, gap.place), _Gap(entry.n + 1, gap.last, 0, gap.place)
                self._gaps[index : index + 1] = [part for part in parts if part.first <= part.last]
                return
        self._say(Code.DUPLICATED, "an entry with this number was there before", line.place, entry.n)

    def _lost(self, gap: _Gap) -> None:
        count = gap.last - gap.first + 1 - gap.excused
        if gap.last <= self._forgotten:
            self._say(Code.FORGOTTEN, "deleted by the gateway, as it was told to", None, gap.first, gap.last)
        elif count > 0:
            what = "one entry is" if count == 1 else f"{count} entries are"
            self._say(Code.REMOVED, f"{what} not there, before this", gap.place, gap.first, gap.last)

    def _compare(self) -> None:
        """The end with the heads that were exported."""
        beyond = max(self._heads, default=0)
        if beyond > self._reached.n:
            message = f"it ends at {self._reached.n}, and had come to {beyond} when its head was exported"
            self._say(Code.TRUNCATED, message, None, self._reached.n + 1, beyond)
        elif not self._heads and self._reached.hash != NOTHING:
            self._say(Code.OPEN_END, "no head is known: nobody can tell whether its end was cut off")

    def _say(
        self, code: Code, message: str, place: str | None = None, n: int | None = None, until: int | None = None
    ) -> None:
        self._found.say(Finding(code, self._found.chain, message, place, n, until), MOST)
