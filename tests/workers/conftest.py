"""A gateway with workers, and clients that keep asking it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from tests.support.editing import editing
from tests.support.processes import Gateway

POLICY = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:", region: eu}}
targets:
  {small: {provider: here, model: s}, large: {provider: here, model: l}, late: {provider: here, model: slow-150ms}}
default: {route: [requested, small]}
tests: [{name: all go the same way, given: {request: {model: auto}}, expect: {route_rule: default}}]
"""

Serve = Callable[..., Gateway]
Edit = Callable[[str, str], None]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "main.yaml").write_text(POLICY)
    return made


@pytest.fixture
def edit(directory: Path) -> Edit:
    return editing(directory)


@pytest.fixture
def serve(directory: Path) -> Generator[Serve]:
    """Starts gateways on the directory; those that still run at the end are killed."""
    started: list[Gateway] = []

    def start(*words: object, **options: dict[str, str]) -> Gateway:
        started.append(Gateway(directory, *words, **options))
        return started[-1]

    yield start
    for gateway in started:
        if gateway.process.returncode is None:
            gateway.process.kill()
            gateway.ended()
