"""What the product writes in the whole run is listened to, and a run in which it wrote a key or a prompt fails.

The run may be of several processes (`pytest -n`): each tells the first one what it found, which judges.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.support.counted import COUNTED, told
from tests.support.written import LOGGERS, WRITTEN, Listening

_FOUND = "written"
_COUNTED = "counted"
_listening = Listening(WRITTEN)

# How long an example takes is the machine's business; how many there are, the suite's five minutes'.
settings.register_profile("policyroute", deadline=None, max_examples=60)
settings.load_profile("policyroute")


def pytest_configure(config: pytest.Config) -> None:
    for name in LOGGERS:
        logging.getLogger(name).addHandler(_listening)
    logging.getLogger("policyroute").setLevel(logging.DEBUG)
    if config.pluginmanager.has_plugin("xdist"):
        config.pluginmanager.register(_Others())


def pytest_unconfigure() -> None:
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(_listening)


class _Others:
    """Hears the other processes of the run, in the first one."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found = getattr(node, "workeroutput", {}).get(_FOUND)  # a process that died has told nothing
        if found:
            WRITTEN.merge(found)
        COUNTED.update(getattr(node, "workeroutput", {}).get(_COUNTED, {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output |= {_FOUND: WRITTEN.found(), _COUNTED: COUNTED}
        return
    folder: Path | None = getattr(session.config, "_tmp_path_factory")._basetemp  # noqa: B009 - None: unused
    if folder is not None:
        WRITTEN.files(folder)  # those of the other processes are below it
    if session.exitstatus == pytest.ExitCode.OK and (WRITTEN.leaks or _lacking(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _lacking(config: pytest.Config) -> set[str]:
    """Kinds of sources of which there was nothing, where all tests have run."""
    chosen = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
    return WRITTEN.missing() if whole else set()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in told():
        terminalreporter.write_line(line)
    if WRITTEN.sizes:
        terminalreporter.write_line(f"looked for keys and prompts in {WRITTEN.told()}")
    for leak in WRITTEN.leaks:
        terminalreporter.write_line(f"FAILED: {leak.what} in {leak.source}, written in {leak.test or 'no test'}")
    for kind in sorted(_lacking(config)):
        terminalreporter.write_line(f"FAILED: nothing of the kind {kind!r} was looked at")
