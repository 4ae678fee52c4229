"""The types that CEL expressions are checked against.

CEL's own, plus three that make the natural condition safe: records with declared fields, total maps (an absent key
reads `""`), and clearance, an ordered type whose string literals convert when a policy is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import reduce


class Kind(Enum):
    DYN = "dyn"
    NULL = "null_type"
    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    DURATION = "duration"
    TIMESTAMP = "timestamp"
    CLEARANCE = "clearance"
    CIDR = "cidr"
    TYPE = "type"
    LIST = "list"
    MAP = "map"
    RECORD = "record"


class Phase(IntEnum):
    """When a field is known. An expression of a phase may read its own phase's fields and earlier ones."""

    REQUEST = 0
    CANDIDATE = 1
    RESPONSE = 2


class Cost(IntEnum):
    """What touching a field costs, so that the index asks for dear ones last."""

    CHEAP = 0
    HEADERS = 1
    BODY = 2
    TEXT = 3
    SEARCH = 4


@dataclass(frozen=True, slots=True)
class Type:
    """`key` and `item` are those of a map and a list; `total` maps read `""` for an absent key.

    `choices`, where not empty, lists the only values a string can take, so that a typo in a literal is caught. A map
    with `folded_keys` holds lower-case keys, and whatever it is asked for is lower-cased first; one that is `closed`
    has exactly the keys that its key type's choices list.
    """

    kind: Kind
    item: Type | None = None
    key: Type | None = None
    name: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict["str", "Field"], compare=False)
    total: bool = False
    choices: tuple[str, ...] = ()
    folded_keys: bool = False
    closed: bool = False

    def __str__(self) -> str:
        if self.kind is Kind.LIST:
            return f"list({self.item})"
        if self.kind is Kind.MAP:
            return f"map({self.key}, {self.item})"
        return self.name if self.kind is Kind.RECORD else self.kind.value


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field. `optional`: may be absent (reads ABSENT). `omittable`: a client may simply leave it out."""

    type: Type
    doc: str = ""
    phase: Phase = Phase.REQUEST
    cost: Cost = Cost.CHEAP
    optional: bool = False
    omittable: bool = False


DYN = Type(Kind.DYN)
NULL = Type(Kind.NULL)
BOOL = Type(Kind.BOOL)
INT = Type(Kind.INT)
UINT = Type(Kind.UINT)
DOUBLE = Type(Kind.DOUBLE)
STRING = Type(Kind.STRING)
BYTES = Type(Kind.BYTES)
DURATION = Type(Kind.DURATION)
TIMESTAMP = Type(Kind.TIMESTAMP)
CLEARANCE = Type(Kind.CLEARANCE)
CIDR = Type(Kind.CIDR)
TYPE = Type(Kind.TYPE)


def list_of(item: Type) -> Type:
    return Type(Kind.LIST, item=item)


def map_of(key: Type, item: Type) -> Type:
    return Type(Kind.MAP, key=key, item=item)


def total_map(folded_keys: bool = False) -> Type:
    """A map of strings in which every key is present: an absent one reads `""`; presence is `"x" in m`."""
    return Type(Kind.MAP, key=STRING, item=STRING, total=True, folded_keys=folded_keys)


def enum_of(*choices: str) -> Type:
    return Type(Kind.STRING, choices=choices)


def record(name: str, fields: Mapping[str, Field]) -> Type:
    return Type(Kind.RECORD, name=name, fields=fields)


def unify(left: Type, right: Type) -> Type:
    """The type of something that is either: dyn where they do not agree."""
    if left == right:
        return left
    if left.kind is not right.kind or left.kind is Kind.RECORD:
        return DYN
    if left.kind is Kind.LIST:
        return list_of(unify(left.item or DYN, right.item or DYN))
    if left.kind is Kind.MAP:
        return map_of(unify(left.key or DYN, right.key or DYN), unify(left.item or DYN, right.item or DYN))
    return Type(left.kind)


def common(types: Iterable[Type]) -> Type:
    """The type of something that is any of these; dyn where there are none."""
    several = list(types)
    return reduce(unify, several) if several else DYN


def map_by_name(names: Iterable[str], item: Type) -> Type:
    """A map that has exactly these keys: an unknown one is found when a policy is loaded."""
    return Type(Kind.MAP, key=enum_of(*names), item=item, closed=True)
