"""A gateway with clients, as attackers of all kinds find it."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers here are on loopback, whatever the machine says of proxies."""
    monkeypatch.setenv("NO_PROXY", "*")
