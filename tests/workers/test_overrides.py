"""What an operator says by hand holds on every worker, for requests to come, until it ends or is taken back."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
from tests.workers.conftest import Edit, Serve

from policyroute_asgi.cli import main

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""One for all clients: to make one takes longer than a request."""
CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "one two"}]}


def test_overrides_hold_on_all_workers_and_outlive_a_reload_and_a_restart(
    serve: Serve, edit: Edit, tmp_path: Path
) -> None:
    edit("region: eu}}", 'region: eu}, there: {dialect: openai_chat, base_url: "embedded:"}}')
    edit("large: {provider: here", "large: {provider: there")
    edit("route: [requested, small]", "route: [small, large]")
    state = tmp_path / "state"
    gateway = serve("--workers", 2, "--state-dir", state, "--log", tmp_path / "log")
    url = gateway.url()

    def override(*words: str) -> None:
        assert main(["override", *words, "--state-dir", str(state)]) == 0

    def answer() -> tuple[int, str]:
        """Over a connection of its own, so that it goes to any worker."""
        with httpx.Client(base_url=url, timeout=60, verify=NO_TLS) as client:
            got = client.post(CHAT, json=BODY)
            return got.status_code, got.headers.get("x-policyroute-target") or got.json()["error"]["code"]

    def all_say(status: int, who: str) -> None:
        while {answer() for _ in range(6)} != {(status, who)}:
            pass

    def standing() -> list[str]:
        found = httpx.get(f"{url}/-/status", timeout=60, verify=NO_TLS).json()["overrides"]
        return [f"{each['action']} {each['name']}: {each['reason']}" for each in found]

    assert answer() == (200, "small")
    assert standing() == []
    override("use", "large", "--for", "2h", "--reason", "small is slow")
    all_say(200, "large")
    override("drain", "there", "--reason", "they are down")
    all_say(200, "small")
    assert standing() == ["drain there: they are down", "use large: small is slow"]

    edit("model: s}", "model: s, quality: 0.5}")
    gateway.says("all workers serve policy")
    assert {answer() for _ in range(6)} == {(200, "small")}
    override("drain", "here")
    all_say(503, "drained")
    override("clear", "there")
    all_say(200, "large")

    gateway.process.kill()
    gateway.ended()
    again = serve("--workers", 2, "--state-dir", state, "--log", "none")
    url = again.url()
    assert {answer() for _ in range(6)} == {(200, "large")}
    override("clear")
    all_say(200, "small")

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = {tuple((each["action"], each["name"], each["reason"]) for each in line["overrides"]) for line in lines}
    assert (("use", "large", "small is slow"),) in told
    assert () in told
