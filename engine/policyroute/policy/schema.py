"""The JSON Schema of a policy file, for editors: what `policyroute schema` prints.

Rule of this module: generated from the models that files are checked by, never written beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from policyroute.policy.document import Document


class _Generator(GenerateJsonSchema):
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A key that may be left out may not be there without a value."""
        return self.generate_inner(schema["schema"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """A value that reads both ways is none the worse for it."""
        made = super().tagged_union_schema(schema)
        return {"anyOf" if key == "oneOf" else key: value for key, value in made.items()}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", 0) is None or isinstance(made.get("default"), dict):
            del made["default"]
        return made

    def field_title_should_be_set(self, schema: object) -> bool:
        """A title that repeats the key helps nobody."""
        return False


@cache
def _schema() -> JsonSchemaValue:
    made = Document.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Policyroute policy file"}


def json_schema() -> Mapping[str, Any]:
    """The schema, JSON-safe. Every call gives the same value: do not change it."""
    return _schema()


def known_keys(path: tuple[str | int, ...]) -> frozenset[str]:
    """The keys that may stand in the map at this path; steps that name nothing in the schema are passed over."""
    schemas = [_schema()]
    for step in path:
        inner = [found for schema in schemas for found in _inside(schema, step)]
        schemas = inner or schemas
    return frozenset(key for schema in schemas for each in _spread(schema) for key in each.get("properties", ()))


def _spread(schema: Any) -> Iterator[Any]:
    """The schema with references followed and alternatives spread out."""
    if "$ref" in schema:
        yield from _spread(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    for alternative in schema.get("anyOf", ()):
        yield from _spread(alternative)
    yield schema


def _inside(schema: Any, step: str | int) -> Iterator[Any]:
    for each in _spread(schema):
        if isinstance(step, int):
            found = each.get("items")
        else:
            patterns = each.get("patternProperties", {})
            found = each.get("properties", {}).get(step) or next(iter(patterns.values()), None)
            found = found or each.get("additionalProperties")
        if isinstance(found, dict):
            yield found
