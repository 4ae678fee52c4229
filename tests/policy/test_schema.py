"""The JSON Schema for editors: it says of a file what the loader says of its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from policyroute.policy.files import shipped_packs
from policyroute.policy.report import Report
from policyroute.policy.schema import json_schema, known_keys
from policyroute.policy.text import SourceText
from policyroute.policy.tree import parse

CASES = Path(__file__).parent / "cases"


def valid(document: Any) -> bool:
    try:
        jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError:
        return False
    return True


def data(text: str) -> Any:
    file = parse(SourceText("a.yaml", text), Report())
    return file.data(()) if file else None


def test_it_is_a_schema_and_json() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("name", sorted(shipped_packs()))
def test_shipped_packs_are_valid(name: str) -> None:
    assert valid(data(shipped_packs()[name]))


def test_what_is_no_matter_of_shape_is_valid() -> None:
    """Cases about names, expressions and conflicts are well formed; those about shapes are not."""
    for name in ("expressions", "effects"):
        for case in yaml.safe_load((CASES / f"{name}.yaml").read_text(encoding="utf-8")):
            shape = any(code in each for each in case["problems"] for code in ("wrong-", "bad-name", "unknown-key"))
            if not shape:
                assert valid(data("version: 1\n" + case["policy"])), case["name"]


@pytest.mark.parametrize(
    "text",
    [
        "rules: []",
        "version: 2",
        "version: 1\nrulez: []",
        "version: 1\nrules: [{id: a, when: null}]",
        "version: 1\nrules: [{id: a, limits: {ttft: 5}}]",
        "version: 1\nrules: [{id: a, limits: {ttft: 5 s}}]",
        "version: 1\nrules: [{id: a, mode: shadows}]",
        "version: 1\nrules: [{id: a, transform: {set: {temperature: 3}}}]",
        "version: 1\nrules: [{id: a, transform: {set: {temprature: 1}}}]",
        "version: 1\nproviders: {a: {dialect: openai_chat, base_url: x, api_key: sk-1}}",
        "version: 1\nproviders: {a: {dialect: openai_chat, base_url: x, clearance: secret}}",
    ],
)
def test_wrong_shapes_are_invalid(text: str) -> None:
    assert not valid(data(text))


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nrules: [{id: a, when: true, deny: {}}]",
        "version: 1\nrules: [{id: a, transform: {set: {temperature: {cel: '0.5'}, metadata: {cel: x}, stop: [a]}}}]",
        "version: 1\nrules: [{id: a, fallback: {after: [timeout], swap_delay: 0s}, limits: {ttft: 1m30s}}]",
        "version: 1\nrules: [{id: a, route: {targets: [a], rank: cost}}]",
        "version: 1\nconstants: {a: null, b: [1, {c: x}]}",
    ],
)
def test_right_shapes_are_valid(text: str) -> None:
    assert valid(data(text))


def test_the_keys_of_a_place_are_known() -> None:
    assert known_keys(("rules", 0, "limits")) == {"connect", "ttft", "idle", "total"}
    assert known_keys(("rules", 3, "route", "map")) == {"targets", "weights", "rank"}
    assert known_keys(("providers", "any", "api_key")) == {"env", "file", "google", "azure_ad"}
    assert "rules" in known_keys(())
