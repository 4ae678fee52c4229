"""`policyroute serve` as a process: its console, its signals, its end, its refusals."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.support.canaries import PROMPT, client_key
from tests.support.processes import PATIENCE, Gateway

Run = Callable[..., tuple[int, str, str]]
Spoil = Callable[[str, str], None]


@pytest.fixture
def serve() -> Generator[Callable[..., Gateway]]:
    started: list[Gateway] = []

    def start(*words: object) -> Gateway:
        started.append(Gateway(*words))
        return started[-1]

    yield start
    for gateway in started:
        if gateway.process.returncode is None:
            gateway.process.kill()
            gateway.ended()


def ask(client: httpx.Client, model: str, stream: bool = False) -> httpx.Response:
    body = {
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": PROMPT}],
    }
    return client.post("/v1/chat/completions", json=body)


def refused(client: httpx.Client) -> None:
    """Returns when no new connection is accepted: the first signal has been heard."""
    with suppress(httpx.TransportError):
        while True:
            httpx.get(client.base_url.join("/readyz"))


def test_it_serves_reloads_on_sighup_and_ends_with_its_streams(
    directory: Path, serve: Callable[..., Gateway], spoil: Spoil
) -> None:
    gateway = serve(directory)
    with gateway.client() as client:
        assert ask(client, "large").headers["x-policyroute-target"] == "large"
        gateway.tell(signal.SIGHUP)
        gateway.says("is served")

        spoil("route: [large]", "route: [lrage]")
        gateway.says("is still served")
        assert "main.yaml:6:" in gateway.says("lrage")
        assert client.get("/readyz").json()["policy"] == "stale"
        spoil("route: [lrage]", "route: [large]")
        gateway.says("is served")
        assert client.get("/readyz").json()["policy"] == "current"

        body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            gateway.tell(signal.SIGTERM)
            assert [line for line in lines if line][-1] == "data: [DONE]"
    status, out = gateway.ended()
    assert status == 0
    logged = [json.loads(line) for line in out.splitlines()]
    assert [(line["target"], line["outcome"]) for line in logged] == [("large", "ok"), ("late", "ok")]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits others")
def test_the_end_is_in_order_where_no_more_files_can_be_opened(directory: Path, serve: Callable[..., Gateway]) -> None:
    gateway = serve(directory)
    with gateway.client() as client:
        body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            _leave_no_files(gateway.process.pid)
            gateway.tell(signal.SIGTERM)
            assert [line for line in lines if line][-1] == "data: [DONE]"
    assert gateway.ended()[0] == 0
    assert "Traceback" not in gateway.rest()


def _leave_no_files(pid: int) -> None:
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = min(set(range(len(taken) + 1)) - taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, free))


def test_a_broken_directory_is_refused_without_a_last_good_and_served_loudly_with_one(
    directory: Path, tmp_path: Path, serve: Callable[..., Gateway], spoil: Spoil
) -> None:
    state = tmp_path / "state"
    first = serve(directory, "--state-dir", state)
    first.says("listening on ")
    first.tell(signal.SIGINT)
    assert first.ended()[0] == 0

    spoil("route: [large]", "route: [lrage]")
    refused = serve(directory, "--state-dir", state, "--strict-start")
    refused.says("lrage")
    refused.says("not started")
    assert refused.ended()[0] == 1

    gateway = serve(directory, "--state-dir", state, "--log", tmp_path / "log.jsonl")
    gateway.says("THE POLICY DIRECTORY IS BROKEN")
    gateway.says("lrage")
    with gateway.client() as client:
        assert ask(client, "large").headers["x-policyroute-target"] == "large"
        assert client.get("/readyz").json()["policy"] == "last_good"
    gateway.tell(signal.SIGTERM)
    assert gateway.ended() == (0, "")
    assert json.loads((tmp_path / "log.jsonl").read_text())["target"] == "large"


HANGING = """
import os, sys, threading

listdir, scandir = os.listdir, os.scandir


def hanging(real):
    def listed(path="."):
        if os.path.realpath(path) == {directory!r} and os.path.exists({marker!r}):
            sys.stderr.write("the disk hangs\\n")
            sys.stderr.flush()
            threading.Event().wait()
        return real(path)

    return listed


os.listdir, os.scandir = hanging(listdir), hanging(scandir)
"""
"""What a file server that is gone does to whoever reads a directory of it: it waits for ever."""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_directory_whose_reading_hangs_does_not_keep_it_from_ending(
    directory: Path, tmp_path: Path, workers: int
) -> None:
    marker, patched = tmp_path / "gone", tmp_path / "patched"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(
        HANGING.format(directory=os.path.realpath(directory), marker=os.fspath(marker))
    )
    environment = {"PYTHONPATH": os.fspath(patched)}
    gateway = Gateway(directory, "--workers", workers, environment=environment)
    try:
        with gateway.client() as client:
            marker.touch()
            gateway.tell(signal.SIGHUP)
            gateway.says("the disk hangs")
            assert ask(client, "large").status_code == 200
        gateway.tell(signal.SIGTERM)
        assert gateway.process.wait(PATIENCE) == 0
    finally:
        gateway.process.kill()
        gateway.ended()


@pytest.mark.parametrize(
    ("grace", "signals"),
    [(0, [signal.SIGTERM]), (600, [signal.SIGTERM, signal.SIGTERM]), (600, [signal.SIGINT, signal.SIGINT])],
    ids=["no-grace", "second-term", "second-int"],
)
def test_what_is_open_at_the_end_is_told_so(
    grace: int, signals: list[signal.Signals], directory: Path, serve: Callable[..., Gateway], spoil: Spoil
) -> None:
    spoil("late: {provider: here, model: slow-200ms}", "late: {provider: here, model: stall}")
    gateway = serve(directory, "--grace", grace)
    body = {"model": "late", "stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
    with gateway.client() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, client, "late")
        while "in_flight_requests 1.0" not in client.get("/metrics").text:
            pass
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            lines = response.iter_lines()
            next(lines)
            for number, told in enumerate(signals):
                if number:
                    refused(client)
                gateway.tell(told)
            last = [line for line in lines if line][-1]
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "shutting_down"
        assert waiting.result().status_code == 503
        assert waiting.result().json()["error"]["code"] == "shutting_down"
    status, out = gateway.ended()
    assert status == 0
    assert "Traceback" not in gateway.rest()
    assert {(line["status"], line["outcome"]) for line in map(json.loads, out.splitlines())} == {
        (200, "shutting_down"),
        (503, "shutting_down"),
    }


def test_no_key_of_a_request_is_in_what_is_written(
    directory: Path, tmp_path: Path, serve: Callable[..., Gateway], spoil: Spoil
) -> None:
    gateway = serve(directory, "--state-dir", tmp_path / "state")
    secret = client_key("open")
    body = {"model": "large", "messages": [{"role": "user", "content": "one"}]}
    with gateway.client() as client:
        for path in ("/v1/chat/completions", "/v1/models", "/nowhere", "/readyz"):
            for headers in ({}, {"authorization": f"Bearer {secret}"}, {"x-api-key": secret}):
                told = client.post(f"{path}?%6bey={secret}&key={secret}", json=body, headers=headers)
                assert secret not in told.text + str(told.headers)
        host, port = str(client.base_url.host), client.base_url.port or 80
        with socket.create_connection((host, port), PATIENCE) as broken:
            broken.sendall(f"GET /v1/models?key={secret} HTTP/9.9\r\nx-api-key: {secret}\r\n\r\n".encode())
            assert secret.encode() not in broken.recv(65536)
        assert secret not in client.get("/metrics").text
    gateway.tell(signal.SIGTERM)
    status, out = gateway.ended()
    assert status == 0
    assert out and secret not in out + gateway.rest()
    assert all(secret.encode() not in path.read_bytes() for path in (tmp_path / "state").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_key_that_is_revoked_is_refused_by_every_worker(
    workers: int, directory: Path, tmp_path: Path, serve: Callable[..., Gateway], run: Run
) -> None:
    made = json.loads(run("client", "add", "ci", "--format", "json")[1])
    (directory / "who.yaml").write_text(f"version: 1\n{made['yaml']}")
    gateway = serve(directory, "--state-dir", tmp_path / "state", "--workers", workers)
    base = gateway.says("listening on ").partition("listening on ")[2].split()[0]

    def asked() -> set[int]:
        """What several connections are told: each may be another worker's."""
        headers = {"authorization": f"Bearer {made['key']}"}
        return {httpx.get(f"{base}/v1/models", headers=headers, timeout=PATIENCE).status_code for _ in range(8)}

    assert asked() == {200}
    assert run("client", "revoke", "ci", directory, "--state-dir", tmp_path / "state")[0] == 0
    gateway.says("revoked keys more (ci)")
    until = time.monotonic() + PATIENCE
    while asked() != {401}:
        assert time.monotonic() < until
    gateway.tell(signal.SIGTERM)
    assert gateway.ended()[0] == 0
    assert made["key"] not in gateway.rest()


def raw(client: httpx.Client) -> socket.socket:
    """A connection of our own to the same gateway."""
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), PATIENCE)


def test_a_connection_is_good_for_one_more_request_after_the_signal(
    directory: Path, serve: Callable[..., Gateway]
) -> None:
    gateway = serve(directory)
    with gateway.client() as client:
        assert "connection" not in ask(client, "large").headers
        gateway.tell(signal.SIGTERM)
        refused(client)
        last = ask(client, "large")
        assert (last.status_code, last.headers["connection"]) == (200, "close")
    assert gateway.ended()[0] == 0


def test_connections_are_held_to_what_the_operator_says(directory: Path, serve: Callable[..., Gateway]) -> None:
    gateway = serve(directory, "--max-connections", 1, "--keep-alive", 1)
    with gateway.client() as client:
        assert client.get("/healthz").status_code == 200
        with raw(client) as second:
            answer = second.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in answer
        gateway.says("refused: 1 too_many_connections")
    while True:
        with raw(client) as only:
            only.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = only.makefile("rb").read()  # until it has been idle for long enough
        if answer.startswith(b"HTTP/1.1 200 "):
            break  # the one before has gone meanwhile
    assert b"connection: close" not in answer


def test_a_body_of_a_gigabyte_is_refused_by_its_head(directory: Path, serve: Callable[..., Gateway]) -> None:
    gateway = serve(directory)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with gateway.client() as client, raw(client) as connection:
        connection.sendall(f"{head}Content-Length: {10**9}\r\n\r\n{{".encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert b'"body_too_large"' in answer


def test_a_missing_key_is_refused(directory: Path, serve: Callable[..., Gateway], spoil: Spoil) -> None:
    os.environ.pop("HERE_KEY", None)
    spoil("region: eu}", "region: eu, api_key: {env: HERE_KEY}}")
    gateway = serve(directory)
    gateway.says("HERE_KEY")
    assert gateway.ended()[0] == 1


def test_a_port_that_is_taken_is_said(directory: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _, err = run("serve", directory, "--port", taken.getsockname()[1])
    assert status == 1
    assert err.startswith("policyroute: cannot open 127.0.0.1:")


def test_an_operators_port_that_is_taken_is_said(directory: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, _, err = run("serve", directory, "--port", "0", "--operator", address)
    assert (status, err) == (1, f"policyroute: cannot open --operator {address}: Address already in use\n")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_in_brackets_is_the_address(host: str, directory: Path, run: Run) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        status, _, err = run("serve", directory, "--host", host, "--port", port)
    assert (status, err) == (1, f"policyroute: cannot open [::1]:{port}: Address already in use\n")


def test_one_file_in_place_of_a_directory_is_served_and_said_to_be(
    directory: Path, serve: Callable[..., Gateway]
) -> None:
    (directory / "more.yaml").write_text("version: 1\nconstants: {more: 1}\n")
    gateway = serve(directory / "main.yaml")
    assert "main.yaml alone is served" in gateway.says("alone")
    with gateway.client() as client:
        assert ask(client, "large").headers["x-policyroute-target"] == "large"
    gateway.tell(signal.SIGTERM)
    assert gateway.ended()[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("serve", ".", "--port", "99999"),
        ("serve", ".", "--port", "-1"),
        ("serve", ".", "--grace", "-1"),
        ("serve", ".", "--grace", "soon"),
        ("demo", "--port", "65536"),
    ],
    ids=" ".join,
)
def test_a_number_out_of_bounds_is_misuse(words: tuple[str, ...], run: Run) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"policyroute {words[0]}: error: argument {words[-2]}: {words[-1]!r} is no")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("option", "given"),
    [
        *(("--trusted-proxy", given) for given in ("nonsense", "10.0.0.0/33", "proxy.example", "10.0.0.1,10.0.0.2")),
        *(
            ("--allowed-origin", given)
            for given in (
                "nonsense", "chat.example", "https://", "https://chat.example/app", "https://u@chat.example", "null",
                "https://chat.example:443", "https://chat.example:x", "https://a.example,https://b.example", "",
            )
        ),
        *(("--allowed-host", given) for given in ("https://llm.example", "llm.example:443", "llm..example", "l m", "")),
    ],
)  # fmt: skip
def test_who_could_never_call_is_misuse(option: str, given: str, directory: Path, run: Run) -> None:
    status, out, err = run("serve", directory, option, given)
    assert (status, out) == (2, "")
    assert f"argument {option}: {given!r} is n" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ("--trusted-proxy", "10.1.2.3/8"),
        ("--trusted-proxy", "2001:db8::1"),
        ("--allowed-origin", "https://chat.example/"),
        ("--allowed-origin", "http://localhost:3000"),
        ("--allowed-origin", "http://[::1]:3000"),
        ("--allowed-origin", "chrome-extension://abcdefghijklmnop"),
        ("--allowed-origin", "*"),
        ("--allowed-host", "LLM.example."),
        ("--allowed-host", "llm_1"),
        ("--allowed-host", "*"),
    ],
    ids=" ".join,
)
def test_who_may_call_is_taken_as_written(words: tuple[str, str], directory: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends once the options are read
        status, _, err = run("serve", directory, *words, "--port", taken.getsockname()[1])
    assert status == 1
    assert "cannot open" in err


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_let_in_only_where_that_is_said(host: str, directory: Path, run: Run) -> None:
    status, _, err = run("serve", directory, "--host", host)
    assert status == 2
    assert "--no-auth" in err
