"""Every case in `cases/`: a schema, and what becomes of it in each subset, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.schemas import text

from policyroute.schemas import SUBSETS, fitted

CASES = Path(__file__).parent / "cases"


def cases() -> Iterator[Any]:
    for file in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text(encoding="utf-8")):
            for name, wanted in case["out"].items():
                yield pytest.param(case["in"], name, wanted, id=f"{file.stem}: {case['name']}, {name}")


@pytest.mark.parametrize(("schema", "name", "wanted"), list(cases()))
def test_case(schema: Any, name: str, wanted: Any) -> None:
    rewritten, notes = fitted(schema, SUBSETS[name])
    assert text(rewritten) == text(wanted["schema"])
    assert list(notes) == wanted["notes"]
