"""A policy directory to edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

POLICY = """
version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:", region: eu}}
targets: {small: {provider: here, model: s}, large: {provider: here, model: l}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def policy() -> Callable[[str], str]:
    """The text of a policy that sends everything to one target, and has a test that says so."""

    def text(target: str) -> str:
        return (
            f"{POLICY}default: {{route: [{target}]}}\n"
            f"tests: [{{name: everything, given: {{request: {{model: auto}}}}, expect: {{target: {target}}}}}]\n"
        )

    return text


@pytest.fixture
def directory(tmp_path: Path, policy: Callable[[str], str]) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "main.yaml").write_text(policy("small"))
    return made
