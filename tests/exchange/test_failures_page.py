"""docs/failures.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyroute.dialects.trouble import STATUS
from policyroute.exchange.turns import RETRYABLE
from policyroute.failures import DEFAULT_AFTER, Failure, FailureKind
from policyroute.health.cooldowns import Cooldowns
from policyroute.health.places import ACCOUNT, ACCOUNT_MODEL, ENDPOINT, Place, concerned

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


def cools() -> dict[str, tuple[str, str]]:
    """kind -> what rests, how long after one."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## Cool-downs\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): (row[1], row[2]) for row in cells}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_what_a_failure_cools(kind: FailureKind) -> None:
    failure, place, table = Failure(kind, "in words"), Place("url", "eu", "m", "chat", "key"), Cooldowns()
    about = concerned(place, failure, reached=True)
    assert (about is not None) == (kind in cools())
    if about is None:
        return
    what, first = cools()[kind]
    table.failed(place, failure, 0.0)
    cooling = table.cooling(place, 0.0)
    assert first == f"{cooling.until if cooling else 0:g} s"
    assert ("account" in what) == (about.what in {ACCOUNT, ACCOUNT_MODEL})
    assert ("every model" in what and ";" not in what) == (about.what == ENDPOINT)
