"""What the product writes in the whole run is listened to, and looked at last."""

from __future__ import annotations

import logging

import pytest
from hypothesis import settings
from tests.support.written import LOGGERS, WRITTEN, Listening

_LAST = "test_written.py"
_listening = Listening(WRITTEN)

settings.register_profile("policyroute", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("policyroute")


def pytest_configure() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addHandler(_listening)
    logging.getLogger("policyroute").setLevel(logging.DEBUG)


def pytest_unconfigure() -> None:
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(_listening)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == _LAST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WRITTEN.sizes:
        terminalreporter.write_line(f"looked for keys and prompts in {WRITTEN.told()}")
