"""Recorded traffic, where it is at hand, and how tests read streams."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Wanted = Callable[[str, str], bool]
"""Of an API and a provider."""

_BESIDE = Path(__file__).parents[2] / ".." / "shared" / "corpus"


@dataclass(frozen=True)
class Recording:
    """One recorded interaction. `sse` is empty where the answer was not streamed."""

    name: str
    api: str
    status: int
    path: str
    request: Any
    headers: dict[str, str]
    body: Any
    sse: bytes


def _recordings(folder: Path, wanted: Wanted) -> Iterator[Recording]:
    with gzip.open(folder / "recordings.jsonl.gz", "rt", encoding="utf-8") as rows:
        for number, line in enumerate(rows):
            row = json.loads(line)
            if not wanted(row["api"], row["provider"]):
                continue
            answer = row["response"]
            yield Recording(
                name=f"{number}:{row['provider']}/{row['model']}",
                api=row["api"],
                status=row["status"],
                path=row["request"]["path"],
                request=row["request"]["body"],
                headers=answer["headers"],
                body=answer.get("body"),
                sse=answer.get("sse", "").encode(),
            )


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """In the OpenAI Chat shape."""
    return _at_hand(lambda api, _: api == "chat")


@pytest.fixture(scope="session")
def messages() -> list[Recording]:
    """With Anthropic itself: answers and counts."""
    return _at_hand(lambda api, provider: provider == "anthropic" and api in ("messages", "count_tokens"))


@pytest.fixture(scope="session")
def responses() -> list[Recording]:
    """In the shape of OpenAI's Responses."""
    return _at_hand(lambda api, _: api == "responses")


@pytest.fixture(scope="session")
def contents() -> list[Recording]:
    """In Gemini's shape, with the Gemini API and Vertex AI."""
    return _at_hand(lambda api, provider: provider in ("gemini", "vertex") and api == "generate")


def corpus() -> Path:
    """Its folder. Skips the test that asks where it is not at hand."""
    folder = Path(os.environ.get("POLICYROUTE_CORPUS", _BESIDE))
    if not (folder / "recordings.jsonl.gz").exists():
        pytest.skip("the recorded traffic is not at hand")
    return folder


def _at_hand(wanted: Wanted) -> list[Recording]:
    return list(_recordings(corpus(), wanted))
