"""What holds for a client holds on every worker: limits are of all together, and a revoked key is out everywhere."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from tests.support.hammering import ports_of
from tests.workers.conftest import Edit, Serve

from policyroute_asgi.revocations import Revocation, add

KEY = "plr-a-key-of-a-client-0123456789"
DIGEST = sha256(KEY.encode()).hexdigest()
CHAT = "/v1/chat/completions"


def caller(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, headers={"authorization": f"Bearer {KEY}"})


def body(model: str, **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "one two three four"}], **fields}


def test_limits_and_revocations_hold_over_all_workers(serve: Serve, edit: Edit, tmp_path: Path) -> None:
    limits = f"{{rate_limit: {{concurrency: 2}}, key_sha256: {DIGEST}}}"
    edit("version: 1", f"version: 1\nclients: {{ci: {limits}, boss: {{role: operator, key_sha256: {'a' * 64}}}}}")
    edit("model: slow-150ms", "model: stall")
    gateway = serve("--workers", 3, "--state-dir", tmp_path / "state")
    url = gateway.url()

    def status() -> int:
        """Over a connection of its own, so that it goes to any worker."""
        with caller(url) as client:
            return client.post(CHAT, json=body("small")).status_code

    def all_say(expected: int) -> None:
        """Returns when several in a row do: workers hear of each other in a moment."""
        while {status() for _ in range(9)} != {expected}:
            pass

    with ExitStack() as streams:
        begun: list[Iterator[str]] = []
        for _ in range(2):
            client = streams.enter_context(caller(url))
            stream = streams.enter_context(client.stream("POST", CHAT, json=body("late", stream=True)))
            assert stream.status_code == 200
            begun.append(stream.iter_lines())
            next(begun[-1])  # an iterator that nobody keeps takes its connection with it
        all_say(429)
    all_say(200)
    add(tmp_path / "state", [Revocation(DIGEST, "ci", 0.0)])
    all_say(401)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only the kernel knows whose connection it is")
def test_a_worker_that_is_new_knows_at_once_what_the_others_use(serve: Serve, edit: Edit, tmp_path: Path) -> None:
    edit("version: 1", f"version: 1\nclients: {{ci: {{rate_limit: {{concurrency: 1}}, key_sha256: {DIGEST}}}}}")
    edit("model: slow-150ms", "model: stall")
    operator = tmp_path / "operator"
    gateway = serve("--workers", 2, "--operator", f"unix:{operator}", "--log", "none")
    url = gateway.url()

    def pids() -> list[int]:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(operator)), base_url="http://localhost") as client:
            workers = client.get("/-/policy").json()["workers"]
            return [each["pid"] for each in workers if each["state"] == "serving"]

    def status() -> int:
        with caller(url) as client:
            return client.post(CHAT, json=body("small")).status_code

    with caller(url) as client, client.stream("POST", CHAT, json=body("late", stream=True)) as stream:
        lines = stream.iter_lines()
        next(lines)
        busy, other = sorted(pids(), key=lambda pid: len(ports_of(pid, client.base_url.port or 0)), reverse=True)
        while {status() for _ in range(9)} != {429}:
            pass
        os.kill(other, signal.SIGKILL)
        while busy not in (now := pids()) or other in now or len(now) < 2:
            pass
        assert {status() for _ in range(30)} == {429}


def outside() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return "" if address.startswith("127.") else address


@pytest.mark.skipif(not outside(), reason="this machine has no address but loopback")
@pytest.mark.parametrize("workers", [1, 3])
def test_a_reload_that_takes_the_clients_away_leaves_nobody_in_but_this_machine(
    workers: int, serve: Serve, edit: Edit
) -> None:
    clients = f"\nclients: {{ci: {{key_sha256: {DIGEST}}}}}"
    edit("version: 1", f"version: 1{clients}")
    gateway = serve("--workers", workers, "--host", "0.0.0.0", "--log", "none")
    port = httpx.URL(gateway.url()).port

    def status(host: str, key: str | None) -> set[int]:
        """What several fresh connections see, so that any worker answers."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        url = f"http://{host}:{port}{CHAT}"
        return {httpx.post(url, json=body("small"), headers=headers, timeout=30).status_code for _ in range(9)}

    assert status(outside(), KEY) == {200}
    assert status(outside(), None) == status("127.0.0.1", None) == {401}
    edit(clients, "")
    gateway.says("all workers serve policy" if workers > 1 else "is served")
    assert status(outside(), KEY) == status(outside(), None) == {401}
    assert status("127.0.0.1", None) == {200}
    edit("version: 1", f"version: 1{clients}")
    gateway.says("all workers serve policy" if workers > 1 else "is served")
    assert status(outside(), KEY) == {200}
    assert status("127.0.0.1", None) == {401}
