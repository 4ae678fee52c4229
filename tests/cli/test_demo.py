"""`policyroute demo --once`: the tour shows what it says, in 80 columns of plain text, and leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.written import WRITTEN

from policyroute_asgi.cli import main
from policyroute_asgi.demo import tour
from policyroute_asgi.demo.traffic import Ask


def test_the_tour_shows_what_it_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "policyroute_asgi", "demo", "--once"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"TMPDIR": str(tmp_path), "PATH": ""},
    )
    WRITTEN.process("demo", done)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NOT AS IT SHOULD BE" not in done.stdout
    assert "\x1b" not in done.stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 80 and str(tmp_path) not in line] == []
    assert [int(number) for number in re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE)] == [1, 2, 3, 4, 5, 6, 7]
    for shown in ("413 context_too_long", "attempt 1: busy, rate_limited", "applied: residency", "policy stale"):
        assert shown in done.stdout
    assert "did you mean `profile`?" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_does_not_show_it_fails_the_tour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tour.Request("Impossible", Ask("What is a policy?"), tour.Shown("small", "default"))
    monkeypatch.setattr(tour, "REQUESTS", (wrong,))
    assert main(["demo", "--once"]) == 1
    assert "NOT AS IT SHOULD BE" in capsys.readouterr().out
