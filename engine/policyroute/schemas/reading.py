"""One node of somebody's schema, read: older and looser ways of saying a thing become the one way.

Rule of this module: nothing is looked at below the node, and nothing it says is made stricter.
"""

from __future__ import annotations

from typing import Any, Final

from policyroute.changes import plain
from policyroute.schemas.vocabulary import (
    ANNOTATIONS,
    KNOWN,
    SILENT,
    SPEAKS_OF,
    TYPES,
    Schema,
    is_list,
    is_schema,
    kind_of,
    says_nothing,
    well_formed,
)

NULL: Final[Schema] = {"type": "null"}


def read(raw: Schema, notes: set[str]) -> Schema:
    """The node with `type` as a list of known types, tuples as `prefixItems`, no `oneOf` and no `nullable`."""
    schema: Schema = {}
    for word, value in raw.items():
        if word in SILENT or says_nothing(word, value):
            continue
        if word == "items" and is_list(value):
            _tuple(schema, raw, value)
        elif word in KNOWN and well_formed(word, value):
            schema.setdefault(word, value)
        elif word not in {"nullable", "additionalItems"}:
            notes.add(plain(word))
    _end(schema)
    _types(schema, notes)
    _branches(schema, notes)
    if schema.pop("nullable", False) is True:
        _or_null(schema)
    return schema


def _tuple(schema: Schema, raw: Schema, places: list[Any]) -> None:
    """Until 2019 a tuple was a list in `items`, and what comes after it `additionalItems`."""
    schema["prefixItems"] = places
    rest = raw.get("additionalItems")
    if is_schema(rest):
        schema["items"] = rest


def _end(schema: Schema) -> None:
    """Nothing after the places of a tuple is a number of places."""
    if schema.get("items") is False:
        del schema["items"]
        places = len(schema.get("prefixItems", ()))
        schema["maxItems"] = min(schema.get("maxItems", places), places)


def _types(schema: Schema, notes: set[str]) -> None:
    said = schema.pop("type", None)
    if said is None:
        return
    names = [name.lower() for name in (said if is_list(said) else [said]) if isinstance(name, str)]
    known = [name for name in dict.fromkeys(names) if name in TYPES]
    if known:
        schema["type"] = known
    if not known or len(known) < len(set(names)):
        notes.add("type")


def _branches(schema: Schema, notes: set[str]) -> None:
    alternatives = schema.pop("oneOf", None)
    if alternatives is None:
        return
    notes.add("oneOf")
    if "anyOf" in schema:
        schema["allOf"] = [*schema.get("allOf", ()), {"anyOf": alternatives}]
    else:
        schema["anyOf"] = alternatives


def _or_null(schema: Schema) -> None:
    if "type" in schema and "null" not in schema["type"]:
        schema["type"] = [*schema["type"], "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], NULL]
    elif "$ref" in schema:
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}, NULL]


def remarks(schema: Schema) -> Schema:
    return {word: value for word, value in schema.items() if word in ANNOTATIONS}


def constraints(schema: Schema) -> Schema:
    return {word: value for word, value in schema.items() if word not in ANNOTATIONS}


def kinds_of(schema: Schema) -> list[str]:
    """The types that a node takes: those it says, else those that its keywords speak of; none: any."""
    if "type" in schema:
        return list(schema["type"])
    values = literals(schema)
    if values is not None:
        return list(dict.fromkeys(kind_of(value) for value in values))
    spoken = {SPEAKS_OF[word] for word in schema if word in SPEAKS_OF}
    if "format" in schema and not spoken:
        spoken.add("string")
    return [kind for kind in TYPES if kind in spoken]


def literals(schema: Schema) -> list[Any] | None:
    """The values that a node lists, if it does."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values
