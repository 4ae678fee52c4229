"""The operator's own address: who can get there, what is there, and what is no longer elsewhere."""

from __future__ import annotations

import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest
from tests.workers.conftest import Serve

from policyroute_asgi.cli import main

INSIDE = ("/metrics", "/-/policy")


def on_unix(path: Path) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=30)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_socket_for_its_owner_only(workers: int, serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "operator"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    gateway = serve("--workers", workers, "--operator", f"unix:{path}", "--log", "none")
    with gateway.client() as client, on_unix(path) as operator:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for page in INSIDE:
            assert client.get(page).status_code == 404
            assert operator.get(page).status_code == 200
        for page in ("/healthz", "/readyz"):
            assert client.get(page).status_code == operator.get(page).status_code == 200
        assert operator.head("/metrics").content == b""
        assert operator.get("/-/elsewhere").status_code == 404
        assert operator.post("/-/policy").status_code == operator.get("/-/reload").status_code == 405
        assert operator.get("/metrics", headers={"origin": "http://localhost"}).status_code == 403
        assert operator.post("/-/reload", headers={"host": "gateway.example"}).status_code == 421
        for what in ("reload", "restart"):
            assert client.post(f"/-/{what}").status_code == 404
        assert operator.post("/-/reload").json()["policy"] == "current"
        assert 'policyroute_reloads_total{outcome="swapped"} 1.0' in operator.get("/metrics").text
        restart = operator.post("/-/restart")
        if workers == 1:
            assert (restart.status_code, restart.json()["error"].split(":")[0]) == (
                409,
                "a rolling restart needs workers",
            )
        else:
            assert restart.status_code == 202
            assert operator.post("/-/restart").status_code == 409
            gateway.tell(signal.SIGUSR2)
            gateway.says("no rolling restart: a start, a restart or the shutdown is going on already")
            gateway.says("2 new workers serve")
    gateway.tell(signal.SIGTERM)
    assert gateway.ended() == (0, "")
    assert not path.exists()


def test_a_loopback_port(serve: Serve) -> None:
    gateway = serve("--operator", "127.0.0.1:0")
    with gateway.client() as client:
        place = gateway.says("operator pages on ").split()[-1]
        assert client.get("/metrics").status_code == 404
        assert httpx.get(f"{place}/metrics").status_code == 200
        gateway.tell(signal.SIGUSR2)  # which would kill a process that does not know it
        gateway.says("a rolling restart needs workers")
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["unix:", "0.0.0.0:9000", "gateway.example:9000", "127.0.0.1", "127.0.0.1:", "[::]:1", "localhost:1/x", "9"],
)
def test_anything_else_is_misuse(address: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(directory), "--operator", address]) == 2
    assert "loopback" in capsys.readouterr().err


def test_what_is_in_its_place_is_left_alone(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    assert main(["serve", str(directory), "--port", "0", "--operator", f"unix:{file}"]) == 1
    assert file.read_text() == "precious"
    path = tmp_path / "taken"
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        assert main(["serve", str(directory), "--port", "0", "--operator", f"unix:{path}"]) == 1
        assert path.is_socket()
    assert len(re.findall("cannot open ", capsys.readouterr().err)) == 2


def test_a_path_that_is_too_long_for_a_socket_is_said_to_be(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ("long" * 40)
    assert main(["serve", str(directory), "--port", "0", "--operator", f"unix:{path}"]) == 1
    assert "path too long" in capsys.readouterr().err
