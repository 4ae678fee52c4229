"""JSON Schemas as people write them: drawn at random with documents that they take, and those of recorded traffic."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policyroute.schemas.vocabulary import is_list, is_map

Schema = dict[str, Any]

_BESIDE = Path(__file__).parents[2] / ".." / "shared" / "corpus"
_PLACES = frozenset(
    ("parameters", "input_schema", "schema", "parametersJsonSchema", "responseJsonSchema", "responseSchema")
)
_LOOSE = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}


@pytest.fixture(scope="session")
def recorded() -> list[Schema]:
    """Every schema of a tool or of an answer in the recorded traffic, once."""
    file = _folder() / "recordings.jsonl.gz"
    if not file.exists():
        pytest.skip("the recorded traffic is not at hand")
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        asked = (json.loads(row).get("request", {}) for row in rows)
        found = {json.dumps(schema): schema for request in asked for schema in _schemas(request.get("body"))}
    return list(found.values())


@pytest.fixture(scope="session")
def functions() -> list[Schema]:
    """Parameters of the functions that a benchmark for tool calls declares."""
    file = _folder() / "scrubbing" / "tool-schemas.jsonl.gz"
    if not file.exists():
        pytest.skip("the schemas of functions are not at hand")
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        return [function["parameters"] for row in rows for function in json.loads(row)["function"]]


def _folder() -> Path:
    return Path(os.environ.get("POLICYROUTE_CORPUS", _BESIDE))


def _schemas(value: Any) -> Iterator[Schema]:
    if is_list(value):
        for item in value:
            yield from _schemas(item)
    elif is_map(value):
        for name, inner in value.items():
            if name in _PLACES and is_map(inner) and {"type", "$ref", "anyOf", "properties"} & set(inner):
                yield inner
            yield from _schemas(inner)


def standard(value: Any) -> Any:
    """Types named after Python's, as JSON Schema's."""
    if is_list(value):
        return [standard(item) for item in value]
    if not is_map(value):
        return value
    return {
        name: _LOOSE.get(inner, inner) if name == "type" and isinstance(inner, str) else standard(inner)
        for name, inner in value.items()
    }
