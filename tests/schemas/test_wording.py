"""The texts that ask for JSON: the same bytes for the same schema, whatever the order it came in."""

from __future__ import annotations

from policyroute.schemas import instruction, json_only


def test_the_schema_is_in_it_compact_and_in_one_order() -> None:
    one = instruction({"type": "object", "properties": {"b": {"type": "string"}, "é": {}}})
    assert one == instruction({"properties": {"é": {}, "b": {"type": "string"}}, "type": "object"})
    assert one.endswith('{"properties":{"b":{"type":"string"},"é":{}},"type":"object"}')
    assert "JSON Schema" in one


def test_an_object_is_asked_for_where_there_is_no_schema() -> None:
    assert "JSON object" in json_only()
