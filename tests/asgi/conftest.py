from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.edge import POLICY, SECRET, Counting, Log


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """The provider's key, which nobody but the provider may ever see."""
    monkeypatch.setenv("POLICYROUTE_TEST_KEY", SECRET)
    return SECRET


@pytest.fixture
def policies(tmp_path: Path, secret: str) -> Path:
    """A policy directory whose targets are named like the embedded provider's behaviours."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "policy.yaml").write_text(POLICY)
    return folder


@pytest.fixture
def upstream() -> Counting:
    return Counting()


@pytest.fixture
def log() -> Log:
    return Log()
