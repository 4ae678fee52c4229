"""Schemas with documents that they take, drawn at random; and what each subset's words mean, checked from outside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from policyroute.schemas.vocabulary import is_list, is_map

Schema = dict[str, Any]
Drawn = tuple[Schema, list[Any]]
"""A schema and documents that were made to fit it."""

NAMES = ("a", "b", "c", "d")


def takes(schema: Schema, document: Any) -> bool:
    validator: Any = Draft202012Validator(schema)
    return bool(validator.is_valid(document))


class _Drawing:
    """One schema in the making, with its definitions."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], extras: bool) -> None:
        self.draw = draw
        self.extras = extras
        self.definitions: Schema = {}

    def pick(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def any(self, depth: int) -> Drawn:
        makers: list[Callable[[int], Drawn]] = [self.string, self.integer, self.literal, self.scalar]
        if depth > 0:
            makers += [self.object, self.array, self.tuple, self.union, self.nullable, self.reference, self.both]
        schema, documents = self.draw(st.sampled_from(makers))(depth - 1)
        if self.pick(False, False, True):
            schema = {**schema, **self.pick({"description": "what it is"}, {"title": "T"}, {"default": documents[0]})}
        return schema, documents

    def string(self, _: int) -> Drawn:
        extra: Any = self.pick(
            {}, {"minLength": 1}, {"maxLength": 9}, {"format": "uri"}, {"pattern": "^(?=x)x"}, {"format": "date"}
        )
        return {"type": "string", **extra}, ["x", "x:y"]

    def integer(self, _: int) -> Drawn:
        extra: Any = self.pick(
            {}, {"minimum": 0}, {"exclusiveMinimum": 0}, {"multipleOf": 1}, {"maximum": 5, "minimum": 1}
        )
        return {"type": self.pick("integer", "number"), **extra}, [1, 2]

    def literal(self, _: int) -> Drawn:
        values: list[Any] = self.pick(["x"], ["x", "y"], [1, 2], ["x", None], ["x", 1], [True], [None])
        schema: Any = self.pick({"enum": values}, {"const": values[0]})
        return schema, values if "enum" in schema else values[:1]

    def scalar(self, _: int) -> Drawn:
        pair: Drawn = self.pick(
            ({}, [1, "x", None]),
            ({"type": "boolean"}, [True]),
            ({"type": "null"}, [None]),
            ({"type": ["string", "integer"], "minLength": 1}, ["x", 1]),
        )
        return pair

    def object(self, depth: int, names: tuple[str, ...] = NAMES) -> Drawn:
        members = {name: self.any(depth) for name in names[: self.pick(0, 1, 2, 3)]}
        required = [name for name in members if self.pick(True, False)]
        schema: Schema = {"type": "object", "properties": {name: member[0] for name, member in members.items()}}
        if required or self.pick(True, False):
            schema["required"] = required
        documents: list[Any] = [
            {name: member[1][0] for name, member in members.items()},
            {name: member[1][-1] for name, member in members.items() if name in required},
        ]
        schema |= self.pick(
            {}, {"additionalProperties": False}, {"minProperties": 0}, {"additionalProperties": {"type": "string"}}
        )
        if self.extras and schema.get("additionalProperties") is not False:
            documents.append({**documents[0], "more": "x"})
        return schema, documents

    def array(self, depth: int) -> Drawn:
        items, documents = self.any(depth)
        extra: Any = self.pick({}, {"minItems": 1}, {"maxItems": 4}, {"uniqueItems": False})
        return {"type": "array", "items": items, **extra}, [documents, documents[:1]]

    def tuple(self, depth: int) -> Drawn:
        places = [self.any(depth) for _ in range(self.pick(1, 2))]
        schemas = [place[0] for place in places]
        ends: Any = self.pick({"items": False}, {"maxItems": len(places)}, {"items": {"type": "string"}})
        return {"type": "array", "prefixItems": schemas, **ends}, [[place[1][0] for place in places]]

    def union(self, depth: int) -> Drawn:
        branches = [self.any(depth) for _ in range(self.pick(1, 2, 3))]
        word = self.pick("anyOf", "anyOf", "oneOf")
        return {word: [branch[0] for branch in branches]}, [document for branch in branches for document in branch[1]]

    def nullable(self, depth: int) -> Drawn:
        schema, documents = self.any(depth)
        if isinstance(schema.get("type"), str) and self.pick(True, False):
            return {**schema, "type": list(dict.fromkeys([schema["type"], "null"]))}, [*documents, None]
        return {"anyOf": [schema, {"type": "null"}]}, [*documents, None]

    def reference(self, depth: int) -> Drawn:
        schema, documents = self.any(depth)
        name = f"D{len(self.definitions)}"
        self.definitions[name] = schema
        beside: Any = self.pick({}, {"description": "beside"}, {"minProperties": 0})
        if schema.get("type") != "object" and "minProperties" in beside:
            beside = {"type": schema["type"]} if "type" in schema else {}
        return {"$ref": f"#/$defs/{name}", **beside}, documents

    def both(self, depth: int) -> Drawn:
        first, some = self.object(depth, NAMES[:2])
        second, others = self.object(depth, ("e", "f", "g"))
        first.pop("additionalProperties", None)
        second.pop("additionalProperties", None)
        documents = [{**one, **other} for one in some for other in others]
        return self.pick({"allOf": [first, second]}, {**first, "allOf": [second]}), documents


@st.composite
def drawn(draw: Callable[[st.SearchStrategy[Any]], Any], *, extras: bool) -> Drawn:
    """A schema with documents that it takes: with members it does not declare if `extras`."""
    drawing = _Drawing(draw, extras)
    schema, documents = draw(st.sampled_from([drawing.object, drawing.object, drawing.any]))(3)
    if drawing.definitions:
        schema = {**schema, "$defs": drawing.definitions}
    return schema, [document for document in documents if takes(schema, document)]


def filled(document: Any, schema: Schema, root: Schema) -> Any:
    """The document with null for whatever the schema requires and it leaves out."""
    while "$ref" in schema:
        schema = root if schema["$ref"] == "#" else root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        tries = [filled(document, branch, root) for branch in schema["anyOf"]]
        fits = [
            one
            for one, branch in zip(tries, schema["anyOf"], strict=True)
            if takes({**branch, "$defs": root.get("$defs", {})}, one)
        ]
        return fits[0] if fits else document
    if is_list(document):
        return [filled(item, schema.get("items", {}), root) for item in document]
    if not is_map(document):
        return document
    properties = schema.get("properties", {})
    return {
        **{name: None for name in schema.get("required", ()) if name not in document},
        **{name: filled(value, properties.get(name, {}), root) for name, value in document.items()},
    }


def from_openapi(schema: Any) -> Any:
    """What OpenAPI's words for types and null mean in JSON Schema."""
    if is_list(schema):
        return [from_openapi(item) for item in schema]
    if not is_map(schema):
        return schema
    plain = {name: from_openapi(value) for name, value in schema.items() if name not in {"nullable", "properties"}}
    if isinstance(plain.get("type"), str):
        plain["type"] = plain["type"].lower()
    if "properties" in schema:
        plain["properties"] = {name: from_openapi(value) for name, value in schema["properties"].items()}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


def nodes(schema: Any) -> Iterator[Schema]:
    """Every schema within a fitted one, itself first."""
    if not is_map(schema):
        return
    yield schema
    for word in ("properties", "$defs"):
        for inner in schema.get(word, {}).values():
            yield from nodes(inner)
    for word in ("anyOf", "prefixItems"):
        for inner in schema.get(word, ()):
            yield from nodes(inner)
    for word in ("items", "additionalProperties"):
        yield from nodes(schema.get(word))


def text(value: Any) -> str:
    """As bytes would show it, the order of keys too."""
    return json.dumps(value, ensure_ascii=False)
