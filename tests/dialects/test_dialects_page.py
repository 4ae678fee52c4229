"""docs/dialects.md names every dialect, operation and field there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyroute.dialects import DIALECTS, VOICES
from policyroute.policy.fields import BODY_FIELDS

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    if not PAGE.exists():
        pytest.skip("the documentation is out of the way: the wheel is under test")
    return {part.split("\n", 1)[0]: part for part in PAGE.read_text(encoding="utf-8").split("\n## ")}


def test_every_operation_of_every_dialect_is_named_with_its_path(sections: dict[str, str]) -> None:
    for dialect in DIALECTS.values():
        for operation in dialect.requests:
            path = dialect.endpoint("m", False, operation)
            assert f"| `{operation}` | `{path}` |" in sections["# Wire formats"]


def test_every_field_of_a_transform_is_named(sections: dict[str, str]) -> None:
    rows = [line for line in sections["What a transform can say"].splitlines() if line.startswith("|")]
    assert [field for field in BODY_FIELDS if not any(f"`{field}`" in row.split("|")[1] for row in rows)] == []


def test_every_voice_and_header_is_named(sections: dict[str, str]) -> None:
    assert [voice for voice in VOICES if f"`{voice}`" not in sections["Errors"]] == []
    headers = [header for dialect in DIALECTS.values() for header in dialect.headers]
    assert [header for header in headers if f"`{header}`" not in sections["Headers"]] == []
