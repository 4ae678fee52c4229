"""What is kept for a restart: whole, private, and worth nothing to a thief."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from policyroute_asgi.last_good import NAME, LastGood, load, save

GOOD = LastGood("abc", 17.5, {"main.yaml": "version: 1\n", "ü.yaml": "# ü\n"})


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path / "state", GOOD)
    assert load(tmp_path / "state") == GOOD


def test_a_newer_one_replaces_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    save(tmp_path, LastGood("old", 1.0, {"main.yaml": "old"}))
    save(tmp_path, GOOD)
    assert load(tmp_path) == GOOD
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    save(tmp_path / "state", GOOD)
    assert stat.S_IMODE((tmp_path / "state" / NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_belongs_to_whoever_has_the_folder(tmp_path: Path) -> None:
    """An administrator who revokes a key must not lock the gateway out of its own state."""
    os.chown(tmp_path, 10001, 10002)
    save(tmp_path, GOOD)
    kept = (tmp_path / NAME).stat()
    assert (kept.st_uid, kept.st_gid, stat.S_IMODE(kept.st_mode)) == (10001, 10002, 0o600)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "files": {}}', '{"format": 1, "revision": 3}']
)
def test_what_cannot_be_read_is_no_last_good(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert load(tmp_path) is None


def test_nothing_saved_is_no_last_good(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere") is None
