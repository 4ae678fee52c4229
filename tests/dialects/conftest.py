"""Recorded traffic, where it is at hand, and how tests read streams."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).parents[2] / ".." / "shared" / "corpus"


@dataclass(frozen=True)
class Recording:
    """One recorded interaction in the OpenAI Chat shape. `sse` is empty where the answer was not streamed."""

    name: str
    status: int
    request: Any
    headers: dict[str, str]
    body: Any
    sse: bytes


def _recordings(folder: Path) -> Iterator[Recording]:
    with gzip.open(folder / "recordings.jsonl.gz", "rt", encoding="utf-8") as rows:
        for number, line in enumerate(rows):
            row = json.loads(line)
            if row["api"] != "chat":
                continue
            answer = row["response"]
            yield Recording(
                name=f"{number}:{row['provider']}/{row['model']}",
                status=row["status"],
                request=row["request"]["body"],
                headers=answer["headers"],
                body=answer.get("body"),
                sse=answer.get("sse", "").encode(),
            )


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    folder = Path(os.environ.get("POLICYROUTE_CORPUS", _BESIDE))
    if not (folder / "recordings.jsonl.gz").exists():
        pytest.skip("the recorded traffic is not at hand")
    return list(_recordings(folder))
