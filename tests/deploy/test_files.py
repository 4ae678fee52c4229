"""The files of `examples/deploy` agree with each other, with the page about them, and with what the product does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.deploy.conftest import Installed
from tests.support.deployed import (
    FOLDER,
    ROOT,
    elsewhere,
    image,
    image_command,
    image_entry,
    option,
    pod,
    pod_command,
    unit,
    unit_command,
)

from policyroute.decide.resolved import DEFAULT_LIMITS
from policyroute_asgi.connections import ConnectionLimits
from policyroute_asgi.service import MAX_BODY

CLOSING = 15
"""Seconds that the end may take after the grace period."""
SITE = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
COMMANDS = {"unit": unit_command(), "image": image_command(), "pod": pod_command()}


@pytest.fixture(scope="module")
def offered() -> set[str]:
    """The options of `policyroute serve`."""
    command = [sys.executable, "-m", "policyroute_asgi", "serve", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z][a-z-]+", told))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_option_is_one_of_serve(command: list[str], offered: set[str]) -> None:
    assert {word for word in command if word.startswith("--")} <= offered
    assert "--no-auth" not in command


FOREIGN = {
    "useradd": {"--system", "--no-create-home", "--shell"},
    "systemctl": {"--now", "--kill-whom", "--signal"},
    "docker": {"--name", "--restart", "--stop-timeout", "--read-only", "--tmpfs", "--cap-drop", "--security-opt"}
    | {"--signal", "--format"},
}


def test_every_option_on_the_page_is_one_of_serve(offered: set[str]) -> None:
    foreign = {name for names in FOREIGN.values() for name in names}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= offered | foreign


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_all_have_the_same_places(command: list[str]) -> None:
    assert command[:3] == image_entry()
    assert option(command, "--port") == "8080"
    assert option(command, "--state-dir") == "/var/lib/policyroute"


def test_the_install_script_is_what_the_image_runs() -> None:
    assert image()["RUN"] == ["examples/deploy/install /opt/policyroute /var/lib/policyroute"]
    assert "examples/deploy/install /opt/policyroute" in PAGE


def test_the_image_copies_all_that_is_installed_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {package.partition("/")[0] for package in wheel["packages"]} | set(wheel["force-include"])
    copied = {name for line in image()["COPY"] if "--from" not in line for name in line.split()[:-1]}
    assert copied == needed | {"scripts/constraints.txt", "examples/deploy/install"}


def test_nobody_is_root_and_all_are_the_same_user() -> None:
    (user,) = image()["USER"]
    owner = next(line for line in image()["COPY"] if line.endswith("/var/lib/policyroute"))
    assert f"--chown={user} " in owner
    who = pod()["securityContext"]
    assert f"{who['runAsUser']}:{who['runAsGroup']}" == f"{who['fsGroup']}:{who['fsGroup']}" == user != "0:0"
    assert pod()["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert unit()["User"] == ["policyroute"]
    assert "useradd --system --no-create-home --shell /usr/sbin/nologin policyroute" in PAGE
    assert option(unit_command(), "--state-dir") == f"/var/lib/{unit()['StateDirectory'][0]}"


def test_ports_are_the_same_everywhere() -> None:
    assert image()["EXPOSE"] == ["8080"]
    assert "http://127.0.0.1:8080/healthz" in image()["HEALTHCHECK"][0]
    assert pod()["containers"][0]["ports"] == [{"name": "http", "containerPort": 8080}]
    assert f"server {option(unit_command(), '--host')}:{option(unit_command(), '--port')} " in SITE
    assert option(unit_command(), "--operator") in PAGE
    assert option(unit_command(), "--allowed-host") == re.findall(r"server_name (\S+);", SITE)[0]
    assert option(unit_command(), "--trusted-proxy") == option(unit_command(), "--host")


def test_volumes_are_where_the_command_looks() -> None:
    mounted = {each["mountPath"]: each for each in pod()["containers"][0]["volumeMounts"]}
    command = pod_command()
    assert mounted[command[2]]["readOnly"] and mounted[option(command, "--secrets-dir")]["readOnly"]
    assert set(mounted) >= {option(command, "--state-dir"), "/tmp"}
    assert {each["name"] for each in mounted.values()} == {each["name"] for each in pod()["volumes"]}
    service = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))[1]
    assert service["metadata"]["name"] in command[command.index("--allowed-host") :]


def test_keys_are_handed_over_by_the_name_that_the_policy_says() -> None:
    (handed,) = unit()["LoadCredential"]
    name, _, path = handed.partition(":")
    assert path == f"/etc/policyroute/keys/{name}"
    assert f"{{file: {name}}}" in PAGE
    assert option(unit_command(), "--secrets-dir") == "%d"


def test_whoever_ends_it_waits_longer_than_it_takes() -> None:
    grace = int(option(unit_command(), "--grace"))
    assert int(unit()["TimeoutStopSec"][0]) >= grace + CLOSING
    before = int(pod()["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod()["terminationGracePeriodSeconds"] >= before + int(option(pod_command(), "--grace")) + CLOSING
    assert image()["STOPSIGNAL"] == ["SIGTERM"]


def seconds(directive: str) -> list[int]:
    return [int(number) for number in re.findall(rf"\s{directive} (\d+)s;", SITE)]


def test_nginx_waits_longer_than_the_gateway_and_keeps_connections_for_less() -> None:
    assert seconds("proxy_read_timeout")[0] > DEFAULT_LIMITS.total
    assert seconds("keepalive_timeout")[0] < ConnectionLimits(1).keep_alive
    assert f"client_max_body_size {MAX_BODY >> 20}m;" in SITE


@pytest.fixture
def here(installed: Installed, tmp_path: Path) -> Path:
    """The unit, for where the command is installed here."""
    moved = tmp_path / "policyroute.service"
    lines = (FOLDER / "policyroute.service").read_text(encoding="utf-8").splitlines()
    moved.write_text("\n".join(elsewhere(lines, {"ExecStart=/opt/policyroute": f"ExecStart={installed.prefix}"})))
    return moved


def systemd_analyze(*words: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_has_nothing_to_say_against_the_unit(here: Path) -> None:
    done = systemd_analyze("verify", "--man=no", here)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_that_the_service_may_do_beyond_its_work(here: Path) -> None:
    done = systemd_analyze("security", "--offline=yes", "--threshold=20", here)
    assert done.returncode == 0, done.stdout
