"""The example apps: copies of them to run, and the modules themselves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def importable() -> None:
    """The examples import each other's modules by their packages' names, as under `--app-dir examples`."""
    sys.path.append(str(EXAMPLES))


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a copy of the examples, whose policies a test may change."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("copy") / "examples"
        shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
        return folder

    return copy
