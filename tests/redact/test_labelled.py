"""What is found in data that others labelled, and what is found in texts that have nothing of the kind.

Every second row, the first one included, was looked at when the detector was written: the others are judged here.
"""

from __future__ import annotations

import gzip
import json
import os
import sysconfig
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.support.counted import counted

from policyroute.redact.detector import Detector

CORPUS = (
    Path(os.environ.get("POLICYROUTE_CORPUS") or Path(__file__).parents[2] / ".." / "shared" / "corpus") / "scrubbing"
)
KINDS = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
    "US_DRIVER_LICENSE": "driver_license",
}
LOCK_FILE = Path(__file__).parents[2] / "scripts" / "constraints.txt"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} is not there")


def opened(name: str) -> str:
    with gzip.open(CORPUS / name, "rt", encoding="utf-8") as file:
        return file.read()


@cache
def sentences() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(opened("pii-labelled.json.gz"))
    return rows[1::2]


def missed(kind: str) -> Iterator[bool]:
    """Of each value of the kind: whether less than nine tenths of it were found."""
    detector = Detector(["pii"])
    for row in sentences():
        spans = [each for each in row["spans"] if KINDS.get(each["entity_type"]) == kind]
        places: set[int] = set()
        for each in detector.find(row["full_text"]) if spans else ():
            places.update(range(each.start, each.end))
        for each in spans:
            value = range(each["start_position"], each["end_position"])
            yield sum(at in places for at in value) < 0.9 * len(value)


@needs_corpus
@pytest.mark.parametrize(
    ("kind", "least"), [(kind, 0.98 if kind in {"email", "card", "iban"} else 0.95) for kind in KINDS.values()]
)
def test_labelled_values_are_found(kind: str, least: float) -> None:
    outcomes = list(missed(kind))
    counted(
        f"labelled {kind}, the half not looked at", {"found": outcomes.count(False), "missed": outcomes.count(True)}
    )
    assert outcomes
    assert outcomes.count(False) / len(outcomes) >= least


def outcomes(rows: list[dict[str, Any]]) -> Counter[tuple[bool, bool]]:
    """How many by whether they hold a secret, and whether one was found."""
    detector = Detector(["secrets", "ip"])  # a public address is among what is labelled
    return Counter((bool(row["secret"]), bool(detector.find(row["text"]))) for row in rows)


@needs_corpus
@pytest.mark.parametrize(
    ("what", "first", "step", "recall", "flagged"),
    [
        ("all", 0, 1, 0.85, 0.10),
        ("the half not looked at", 1, 2, 0.80, 0.11),  # 29 of 35, 9 of 89: one row each from what is asked of all
    ],
)
def test_labelled_secrets_are_found_and_what_looks_like_them_is_not(
    what: str, first: int, step: int, recall: float, flagged: float
) -> None:
    rows = [json.loads(line) for line in opened("secrets-labelled.jsonl.gz").splitlines()][first::step]
    found = outcomes(rows)
    counted(
        f"labelled secrets, {what}",
        {
            "found": found[True, True],
            "missed": found[True, False],
            "hard negatives": found[False, False],
            "flagged": found[False, True],
        },
    )
    assert found[True, True] / (found[True, True] + found[True, False]) >= recall
    assert found[False, True] / (found[False, True] + found[False, False]) <= flagged


def flags(texts: list[str]) -> float:
    """For each 100 KB."""
    detector = Detector(["all"])
    return sum(len(detector.find(text)) for text in texts) * 100_000 / sum(map(len, texts))


@needs_corpus
@pytest.mark.parametrize("name", ["negatives-gitlog.txt.gz", "negatives-gosum.txt.gz"])
def test_logs_and_sums_are_hardly_flagged(name: str) -> None:
    assert flags([opened(name)]) <= 15


def test_a_lock_file_is_not_flagged() -> None:
    assert flags([LOCK_FILE.read_text(encoding="utf-8")]) == 0


def test_code_is_hardly_flagged() -> None:
    """What is flagged are its authors' addresses, and those in examples of machines."""
    library = Path(sysconfig.get_path("stdlib"))
    sources = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(library.glob("[a-m]*.py"))]
    assert sum(map(len, sources)) > 1_000_000
    assert flags(sources) <= 15
