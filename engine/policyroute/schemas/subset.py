"""What of JSON Schema the structured output of each family of providers takes, as rows.

Rule of this module: facts only. Which provider takes which subset is known to the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Subset:
    """`keywords` may be written, None: the schema is sent as it is. What is no keyword here goes into the description.

    formats:    values of `format` that are understood; none listed: all.
    enums:      types of the values that `enum` and `const` may list.
    null:       how "or null" is said: in the list of types, as a branch of `anyOf`, or by `nullable`.
    closed:     every object says `additionalProperties: false`.
    complete:   every property is required; those that were not may be null.
    typed:      every schema says a type; one that takes anything is one that takes any scalar.
    tells:      it holds for every tool, strict or not, and who takes it has a spelling of its own for schemas too.
    upper:      types are in capitals: it is that spelling.
    one_root:   the root is one object: alternatives there become one object that takes what any of them takes.
    only:       values that a keyword may have, where not all.
    """

    name: str
    keywords: frozenset[str] | None
    formats: frozenset[str] = frozenset()
    enums: frozenset[str] = frozenset({"string", "integer", "number", "boolean", "null"})
    null: Literal["type", "branch", "nullable"] = "type"
    closed: bool = False
    complete: bool = False
    typed: bool = True
    tells: bool = False
    upper: bool = False
    one_root: bool = True
    only: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])

    @property
    def references(self) -> bool:
        """Whether `$ref` may be written; otherwise what it stands for is."""
        return self.keywords is None or "$ref" in self.keywords


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON: Final = "type title description enum anyOf properties required items "
_NUMBER_FORMATS: Final = "int32 int64 float double "

PLAIN: Final = Subset(name="plain", keywords=None)

OPENAI_STRICT: Final = Subset(
    name="openai_strict",
    keywords=_words(
        _COMMON + "$ref const additionalProperties format pattern minItems maxItems "
        "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf"
    ),
    formats=_words("date-time time date duration email hostname ipv4 ipv6 uuid"),
    closed=True,
    complete=True,
)

ANTHROPIC: Final = Subset(
    name="anthropic",
    keywords=_words(_COMMON + "$ref const additionalProperties format minItems"),
    formats=_words("date-time time date duration email hostname uri ipv4 ipv6 uuid"),
    null="branch",
    closed=True,
    only={"minItems": (0, 1)},
)

GEMINI_JSON: Final = Subset(
    name="gemini_json",
    keywords=_words(
        _COMMON + "$ref additionalProperties format prefixItems minItems maxItems minimum maximum propertyOrdering"
    ),
    formats=_words(_NUMBER_FORMATS + "date-time date time"),
    enums=_words("string integer number"),
    typed=False,
    one_root=False,
    tells=True,
)

GEMINI_OPENAPI: Final = Subset(
    name="gemini_openapi",
    keywords=_words(
        _COMMON + "nullable format minItems maxItems minimum maximum minLength maxLength minProperties maxProperties "
        "pattern propertyOrdering"
    ),
    formats=_words(_NUMBER_FORMATS + "date-time"),
    enums=_words("string"),
    null="nullable",
    tells=True,
    upper=True,
    one_root=False,
)

SUBSETS: Final[Mapping[str, Subset]] = {
    subset.name: subset for subset in (PLAIN, OPENAI_STRICT, ANTHROPIC, GEMINI_JSON, GEMINI_OPENAPI)
}
