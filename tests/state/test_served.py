"""A gateway as processes, whose Redis stops and starts while it is asked."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from tests.support.processes import PATIENCE, Gateway
from tests.support.redis_server import Server

from policyroute_asgi.cli import main

POLICY = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:"}}
targets: {small: {provider: here, model: s}}
rules: [{id: labels, scrub: {use: default}}]
default: {route: [small]}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, "--requirepass", "hunter2")
    yield made
    made.stop()


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "main.yaml").write_text(POLICY)
    return folder


def test_no_request_fails_where_it_stops_and_starts(tmp_path: Path, policies: Path, server: Server) -> None:
    server.start()
    url = server.url.replace("//", "//:hunter2@")
    gateway = Gateway(policies, "--state-dir", tmp_path / "state", "--state-url", url, "--log", "none")
    over, answers = Event(), list[int]()

    def ask(client: httpx.Client, number: int) -> int:
        body = {"model": "x", "messages": [{"role": "user", "content": "Hello."}]}
        headers = {"x-conversation-id": f"c{number}", "x-task-id": f"t{number}"}
        return client.post("/v1/chat/completions", json=body, headers=headers).status_code

    def hammer(caller: int) -> None:
        with httpx.Client(base_url=base, timeout=PATIENCE) as client:
            number = 0
            while not over.is_set():
                number += 1
                answers.append(ask(client, 1000 * caller + number % 50))

    with ThreadPoolExecutor(4) as pool:
        base = gateway.url()
        callers = [pool.submit(hammer, number) for number in range(4)]
        server.stop()
        gateway.says("does not serve (")
        asked = len(answers)
        while len(answers) < asked + 100 and not any(caller.done() for caller in callers):
            over.wait(0.01)
        server.start()
        gateway.says("serves again")
        server.client.client_pause(400)
        gateway.says("does not serve (TimeoutError)")
        gateway.says("serves again")
        over.set()
        for caller in callers:
            caller.result()
    numbers = httpx.get(f"{base}/metrics").text
    gateway.tell(signal.SIGTERM)
    said = gateway.rest()
    assert gateway.ended()[0] == 0
    assert set(answers) == {200}
    assert re.search(r"^policyroute_state_degraded 0", numbers, re.M)
    assert re.search(r"^policyroute_state_errors_total [1-9]", numbers, re.M)
    assert "hunter2" not in said
    assert server.names(), "what was kept is there"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:hunter2@[::1", "no URL of a Redis"),
        ("redis://:hunter2@host:port", "no URL of a Redis"),
        ("http://:hunter2@host", "no URL of a Redis"),
        ("redis://:hunter2@host", "POLICYROUTE_STATE_KEY"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(
    policies: Path, url: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["serve", str(policies), "--port", "0", "--state-url", url])
    except SystemExit as end:
        status = int(end.code or 0)
    told = capsys.readouterr()
    assert status == 2
    assert said in told.err.replace("\n", " ")
    assert "hunter2" not in told.err + told.out
