"""The command in process, and a policy directory to run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.editing import editing

from policyroute_asgi.cli import main

GOOD = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:", region: eu}}
targets:
  {small: {provider: here, model: s}, large: {provider: here, model: l}, late: {provider: here, model: slow-200ms}}
rules:
  - {id: agents, when: request.profile == "AGENT", route: [large]}
default: {route: [requested, small]}
tests:
  - {name: agents get the large one, given: {request: {profile: AGENT}}, expect: {target: large, route_rule: agents}}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: (exit status, standard output, standard error)."""

    def command(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "main.yaml").write_text(GOOD)
    return made


@pytest.fixture
def spoil(directory: Path) -> Callable[[str, str], None]:
    return editing(directory)
