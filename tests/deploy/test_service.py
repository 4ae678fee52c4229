"""The commands of the unit and of the image, as they stand there, from what the install script made."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.deploy.conftest import APP, DESK, OPERATOR, Installed, Place, Start
from tests.support.canaries import PROMPT
from tests.support.deployed import (
    ROOT,
    Service,
    image,
    image_command,
    pod_command,
    unit,
    unit_command,
)
from tests.support.processes import PATIENCE

Command = Callable[..., list[str]]
ASKED = {"model": "ok", "messages": [{"role": "user", "content": PROMPT}]}


@pytest.fixture
def moved(installed: Installed, place: Place) -> Command:
    """A command of production for the place of the test."""
    return partial(place.of, prefix=installed.prefix)


def ask(base: str, key: str, stream: bool = False) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(
        f"{base}/v1/chat/completions", json={**ASKED, "stream": stream}, headers=headers, timeout=PATIENCE
    )


def test_the_unit_serves_reloads_renews_its_workers_and_ends(moved: Command, start: Start, tmp_path: Path) -> None:
    gateway = start(moved(unit_command(), **DESK))
    base = gateway.address()
    desk = gateway.says("operator pages on ").split()[-1]
    assert ask(base, APP).status_code == 200
    assert httpx.get(f"{base}/metrics", headers={"authorization": f"Bearer {OPERATOR}"}).status_code == 404

    reload = unit()["ExecReload"][0].replace("$MAINPID", str(gateway.pid))
    subprocess.run(shlex.split(reload), check=True)
    gateway.says("all workers serve policy")
    gateway.tell(signal.SIGUSR2)
    gateway.says("2 new workers serve")
    assert ask(base, APP).status_code == 200

    assert "[DONE]" in ask(base, APP, stream=True).text
    shown = httpx.get(f"{desk}/metrics", timeout=PATIENCE).text
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:policyroute|process)_[a-z_]+[a-z]\b", page))
    assert len(named) > 5
    assert {name for name in named if not re.search(rf"^{name}[ {{]", shown, re.MULTILINE)} == set()
    assert gateway.end() == 0
    kept = {path.name for path in (tmp_path / "state").iterdir()}
    assert {"last-good.json", "state.db", "state.key"} <= kept


def test_the_image_serves_and_is_healthy(moved: Command, start: Start, installed: Installed) -> None:
    command = moved(image_command())
    check = json.loads(image()["HEALTHCHECK"][0].partition("CMD ")[2])
    assert check[0] == "/opt/policyroute/bin/python"
    gateway = start(command)
    port = gateway.address().rpartition(":")[2]
    assert ask(f"http://127.0.0.1:{port}", APP).status_code == 200

    def healthy(port: str) -> bool:
        words = [installed.prefix / "bin" / "python", *(word.replace(":8080/", f":{port}/") for word in check[1:])]
        return subprocess.run(words, stderr=subprocess.DEVNULL, check=False, timeout=PATIENCE).returncode == 0

    assert healthy(port)
    assert gateway.end() == 0
    assert not healthy(port)


def test_a_pods_command_serves_by_the_services_name(moved: Command, start: Start) -> None:
    port = start(moved(pod_command())).address().rpartition(":")[2]
    for host, status in (("policyroute", 200), ("llm.example.com", 200), ("elsewhere.example", 421)):
        headers = {"host": host, "authorization": f"Bearer {APP}"}
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models", headers=headers, timeout=PATIENCE).status_code == status
    assert httpx.get(f"http://127.0.0.1:{port}/readyz", headers={"host": "10.1.2.3"}, timeout=PATIENCE).is_success


READ_ONLY = """
set -e
mount --make-rprivate /
for kept; do [ "$kept" = -- ] && break; mount --bind "$kept" "$kept"; shift; done
shift
awk '{print $5}' /proc/self/mountinfo | grep -vE '^/(proc|sys|dev)' | while read -r at; do
    case " $KEPT " in *" $at "*) ;; *) mount -o remount,bind,ro "$at" 2>/dev/null || true ;; esac
done
! touch "$PROBE" 2>/dev/null
exec "$@"
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_read_only_root_is_enough(workers: int, moved: Command, start: Start, tmp_path: Path) -> None:
    """Only the state directory can be written, and with several workers a directory in place of /tmp."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make a file system read-only for one process")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("there may be no mounts of one's own here")
    kept = [tmp_path / "state", tmp_path / "tmp"][:workers]
    for folder in kept:
        folder.mkdir()
    command = [*moved(image_command()), "--workers", str(workers)]
    names = [str(folder) for folder in kept]
    gateway = start(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *names, "--", *command],
        KEPT=" ".join(names),
        PROBE=str(tmp_path / "probe"),
        TMPDIR=str(tmp_path / "tmp"),
    )
    port = gateway.address().rpartition(":")[2]
    assert ask(f"http://127.0.0.1:{port}", APP).status_code == 200
    assert gateway.end() == 0
    assert (tmp_path / "state" / "last-good.json").exists()


def test_a_log_file_can_be_cut_short_while_it_is_written(moved: Command, start: Start, tmp_path: Path) -> None:
    """logrotate's `copytruncate`."""
    log = tmp_path / "requests.jsonl"
    command = [*moved(unit_command(), **DESK), "--log", str(log)]
    gateway = start(command)
    base = gateway.address()
    first, second = (logged_by(gateway, base, log) for _ in range(2))
    assert first["decision_id"] != second["decision_id"]


def logged_by(gateway: Service, base: str, log: Path) -> dict[str, object]:
    """The one line of a request, which is then cut off the file."""
    ask(base, APP)
    while not (text := log.read_text()).endswith("\n"):
        os.kill(gateway.pid, 0)
    os.truncate(log, 0)
    line: dict[str, object] = json.loads(text)
    return line
