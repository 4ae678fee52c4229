"""JSON that was right, and has one thing in it changed for the worse."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from policyroute.dialects.shapes import items, obj

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    1e308,
    "",
    "x",
    "\ud800",
    "\x00",
    "é" * 300,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": None},
    {"type": "x"},
    {"role": "user", "content": "x"},
    ["x", 1],
)

Place = tuple[Any, Any]


def places(value: Any) -> Iterator[Place]:
    """Every object or array in it with each of its keys."""
    keys: list[Any] = [*obj(value)] or [*range(len(items(value)))]
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def mutated(value: Any, dice: random.Random, times: int = 1) -> Any:
    """A copy with that many places taken out, doubled, renamed, moved or made something else."""
    made = copy.deepcopy(value)
    for _ in range(times):
        every = list(places(made))
        if not every:
            return made
        holder, key = dice.choice(every)
        _change(holder, key, every, dice)
    return made


def _change(holder: Any, key: Any, every: list[Place], dice: random.Random) -> None:
    what = dice.randrange(6)
    if what == 0:
        del holder[key]
    elif what == 1:
        other, at = dice.choice(every)
        holder[key] = copy.deepcopy(other[at])
    elif what == 2 and isinstance(key, int):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif what == 2:
        holder["".join("_" + c.lower() if c.isupper() else c for c in str(key))] = holder[key]
    elif what == 3 and isinstance(holder[key], dict | list):
        holder[key] = [holder[key]]
    else:
        holder[key] = copy.deepcopy(dice.choice(ODD))
