"""docs/failures.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyroute.dialects.trouble import STATUS
from policyroute.exchange.turns import RETRYABLE
from policyroute.failures import DEFAULT_AFTER, FailureKind

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"


def rows() -> dict[str, tuple[str, str, str]]:
    """kind -> again, elsewhere, status."""
    cells = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {row[0].strip("`"): (row[2], row[3], row[4]) for row in cells if len(row) == len("kinds")}


def test_every_kind_is_there() -> None:
    assert set(rows()) - {"kind", "---"} == {kind.value for kind in FailureKind}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_row_of_the_table(kind: FailureKind) -> None:
    again, elsewhere, status = rows()[kind]
    assert (again == "no") == (kind not in RETRYABLE)
    assert elsewhere.startswith("yes") == (kind in DEFAULT_AFTER)
    if kind is not FailureKind.INVALID_REQUEST:
        assert status.split()[0] == str(STATUS[kind])
