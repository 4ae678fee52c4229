"""Bitmap tables: from one dimension's value to the rows that it leaves standing.

Rule of this module: bit n is row n. A table says of every row whether the value may stand in it; rows that do not
constrain the dimension always may.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any

from policyroute.cel.conjuncts import Atom, Operator

Table = Callable[[Any], int]
"""From a value to the bitmap of rows it leaves standing."""

Rows = dict[int, list[Atom]]
"""Atoms of one dimension, by row."""


def tables(atoms: Mapping[int, Iterable[Atom]], every: int, many: bool) -> list[Table]:
    """The tables of one dimension, one at least. `atoms` by row; `every` is the bitmap of all rows."""
    values: Rows = {}
    prefixes: Rows = {}
    ranges: Rows = {}
    for row, each in atoms.items():
        for atom in each:
            match atom.operator:
                case Operator.IN | Operator.NOT_IN:
                    kind = values
                case Operator.PREFIX:
                    kind = prefixes
                case _:
                    kind = ranges
            kind.setdefault(row, []).append(atom)
    made: list[Table] = []
    for build, rows in ((_values, values), (_prefixes, prefixes), (_ranges, ranges)):
        # Atoms over a list ask for an item each, and prefixes cannot be intersected: they go into tables of their own.
        for layer in _layers(rows) if many or build is _prefixes else [rows]:
            if layer:
                free = every & ~sum(1 << row for row in layer)
                table = build(layer, free)
                made.append(_any(table, free) if many else table)
    return made


def _layers(atoms: Rows) -> list[Rows]:
    """One atom a row in each."""
    depth = max((len(each) for each in atoms.values()), default=0)
    return [{row: [each[n]] for row, each in atoms.items() if n < len(each)} for n in range(depth)]


def _any(table: Table, free: int) -> Table:
    def of_items(values: Iterable[Any]) -> int:
        rows = free
        for value in values:
            rows |= table(value)
        return rows

    return of_items


def _values(atoms: Rows, free: int) -> Table:
    """Equality: what a value that no atom names leaves standing, and for each named value what differs from that."""
    otherwise = free
    flipped: dict[Any, int] = {}
    for row, each in atoms.items():
        bit = 1 << row
        allowed: list[frozenset[Any]] = [frozenset(atom.constants) for atom in each if atom.operator is Operator.IN]
        forbidden = {value for atom in each if atom.operator is Operator.NOT_IN for value in atom.constants}
        if not allowed:
            otherwise |= bit
        for value in allowed[0].intersection(*allowed[1:]) - forbidden if allowed else forbidden:
            flipped[value] = flipped.get(value, 0) | bit
    table = {value: otherwise ^ rows for value, rows in flipped.items()}
    get = table.get

    def of(value: Any) -> int:
        return get(value, otherwise)

    return of


def _prefixes(atoms: Rows, free: int) -> Table:
    by_length: dict[int, dict[str, int]] = {}
    for row, each in atoms.items():
        prefix = each[0].constants[0]
        known = by_length.setdefault(len(prefix), {})
        known[prefix] = known.get(prefix, 0) | 1 << row
    lengths = tuple((length, by_length[length].get) for length in sorted(by_length))

    def of(value: str) -> int:
        rows = free
        for length, get in lengths:
            rows |= get(value[:length], 0)
        return rows

    return of


def _ranges(atoms: Rows, free: int) -> Table:
    """Intervals: the thresholds cut the line into pieces (before, at, between, ..., after), each with its rows."""
    thresholds = sorted({atom.constants[0] for each in atoms.values() for atom in each})
    last = 2 * len(thresholds)
    toggled = [0] * (last + 2)
    for row, each in atoms.items():
        start, end = 0, last
        for atom in each:
            at = 2 * bisect_left(thresholds, atom.constants[0]) + 1
            match atom.operator:
                case Operator.GREATER:
                    start = max(start, at + 1)
                case Operator.GREATER_EQUAL:
                    start = max(start, at)
                case Operator.LESS:
                    end = min(end, at - 1)
                case _:
                    end = min(end, at)
        if start <= end:
            toggled[start] ^= 1 << row
            toggled[end + 1] ^= 1 << row
    pieces: list[int] = []
    rows = free
    for toggle in toggled:
        rows ^= toggle
        pieces.append(rows)

    def of(value: Any) -> int:
        if isinstance(value, float) and isnan(value):  # in no interval
            return free
        return pieces[bisect_left(thresholds, value) + bisect_right(thresholds, value)]

    return of
