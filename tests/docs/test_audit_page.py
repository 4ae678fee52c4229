"""docs/audit.md has every key of the section and of a record, and everything that verifying says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.audit_records import a_record

from policyroute.audit import Code
from policyroute.policy.audits import AuditMap

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> set[str]:
    """What stands as code in the first column of the section's tables."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [name for cell in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for name in cell.split(", ")]
    assert len(cells) == len(set(cells))
    return {name.strip("`") for name in cells}


def test_every_key_of_the_section_is_documented() -> None:
    assert first_cells("The section") == AuditMap.model_fields.keys()


def test_every_key_of_a_record_is_documented() -> None:
    assert first_cells("What is in a record") == a_record().as_json().keys()


def test_everything_that_verifying_says_is_documented() -> None:
    assert first_cells("How a chain is verified") == {code.value for code in Code}
