"""What holds for a client holds on every worker: limits are of all together, and a revoked key is out everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import httpx
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
