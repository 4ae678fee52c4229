"""A JSON Schema as it is checked against: its shape looked at, its size bounded, its references followed.

Rule of this module: what comes out has the keywords that are asked and nothing else, so no word in it (`$schema`,
`$id`, `$ref`) can lead to another validator or another document. What is not known to be harmless is said to be
unusable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policyroute.integrity.equality import Choices
from policyroute.integrity.older import modern, refers_alone
from policyroute.integrity.patterns import Patterns
from policyroute.integrity.places import HOMES, LISTS, MAPS, ONES
from policyroute.integrity.shapes import SHAPES
from policyroute.integrity.work import Unusable, allowed
from policyroute.schemas.limits import TooDeep, TooLarge, measured
from policyroute.schemas.references import References
from policyroute.schemas.vocabulary import is_list, is_map, is_schema

MAX_SCHEMAS: Final = 2_000
"""Schemas within a schema."""

_WORK: Final = 32_000
"""What may be spent on the values that it lists."""
_MOVING: Final = ("$dynamicRef", "$recursiveRef")


class Reference:
    """Stands where `$ref` does; `schema` is what it points to."""

    __slots__ = ("schema",)
    schema: Any


class Prepared:
    """`schema` in the words of 2020-12, with `Reference`, `Pattern` and `Choices` in it; `names` are the properties
    that it knows."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        """Raises Unusable."""
        try:
            measured(root)
        except TooDeep:
            raise Unusable("the schema is too deep") from None
        except TooLarge:
            raise Unusable("the schema is too large") from None
        self.names: set[str] = set()
        self.patterns = Patterns()
        self._root = dict(root)
        self._alone = refers_alone(root)
        self._made: dict[int, dict[str, Any]] = {}
        self._open: list[tuple[Reference, Any]] = []
        self._references = References(self._root)
        self._anchors = dict(_anchors(root))
        with allowed(_WORK):
            self.schema: Any = self._schema(self._root, "")
            while self._open:
                reference, raw = self._open.pop()
                reference.schema = self._schema(raw, "/$ref")

    def _schema(self, raw: Any, place: str) -> Any:
        """One that asks for nothing is True: that takes no time."""
        if isinstance(raw, bool):
            return raw
        if not is_map(raw):
            raise Unusable(f"{place or 'the schema'} is not a schema")
        made = self._made.get(id(raw))
        if made is not None:
            return made
        if len(self._made) >= MAX_SCHEMAS:
            raise Unusable("the schema is too large")
        if raw is not self._root and isinstance(raw.get("$id"), str):
            raise Unusable(f"{place}/$id is not followed")
        made = self._made[id(raw)] = {}
        for keyword, value in modern(raw, alone=self._alone).items():
            self._take(made, keyword, value, f"{place}/{keyword}")
        self.names.update(made.get("properties", ()), made.get("required", ()))
        return made or True

    def _take(self, made: dict[str, Any], keyword: str, value: Any, place: str) -> None:
        if keyword in _TURNED:
            made[keyword] = _TURNED[keyword](self, value, place)
        elif keyword in SHAPES:
            if not SHAPES[keyword](value):
                raise Unusable(f"{place} is not as it should be")
            made[keyword] = value
        elif keyword in ONES:
            made[keyword] = self._schema(value, place)
        elif keyword in LISTS:
            made[keyword] = [self._schema(each, place) for each in _filled(value, place)]
        elif keyword in MAPS:
            made[keyword] = {name: self._schema(each, place) for name, each in _mapped(value, place).items()}
        elif keyword in HOMES:
            for each in _mapped(value, place).values():
                self._schema(each, place)
        elif keyword in _MOVING:
            raise Unusable(f"{place} is not followed")

    # -- keywords whose value is looked up in another form

    def _reference(self, to: Any, place: str) -> Reference:
        own = self._root.get("$id")
        if isinstance(to, str) and isinstance(own, str) and "#" not in own:
            to = to.removeprefix(own)
        if not isinstance(to, str) or not (to.startswith("#") or not to):
            raise Unusable(f"{place} leads elsewhere")
        target = self._anchors.get(to[1:]) if to[1:2] not in {"", "/"} else self._references.target(to or "#")
        if not is_schema(target):
            raise Unusable(f"{place} leads to nothing")
        reference = Reference()
        self._open.append((reference, target))
        return reference

    def _pattern_properties(self, value: Any, place: str) -> dict[Any, Any]:
        items = _mapped(value, place).items()
        return {self.patterns.of(text, place): self._schema(each, place) for text, each in items}

    def _pattern(self, value: Any, place: str) -> Any:
        return self.patterns.of(value, place)

    def _enum(self, value: Any, place: str) -> Choices:
        if not is_list(value):
            raise Unusable(f"{place} is not as it should be")
        return Choices(value)

    def _const(self, value: Any, place: str) -> Choices:
        return Choices([value])


_TURNED: Final[Mapping[str, Callable[[Prepared, Any, str], Any]]] = {
    "$ref": Prepared._reference,  # pyright: ignore[reportPrivateUsage]
    "pattern": Prepared._pattern,  # pyright: ignore[reportPrivateUsage]
    "patternProperties": Prepared._pattern_properties,  # pyright: ignore[reportPrivateUsage]
    "enum": Prepared._enum,  # pyright: ignore[reportPrivateUsage]
    "const": Prepared._const,  # pyright: ignore[reportPrivateUsage]
}


def _mapped(value: Any, place: str) -> dict[str, Any]:
    if not is_map(value):
        raise Unusable(f"{place} is not as it should be")
    return value


def _filled(value: Any, place: str) -> list[Any]:
    if not is_list(value) or not value:
        raise Unusable(f"{place} is not as it should be")
    return value


def _anchors(root: Any) -> Iterator[tuple[str, Any]]:
    waiting: list[Any] = [root]
    while waiting:
        each = waiting.pop()
        if is_list(each):
            waiting += each
        elif is_map(each):
            waiting += each.values()
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(each.get(word), str):
                    yield each[word], each
