"""The published scenario against a mock that others wrote: `@copilotkit/aimock`, a process of its own over loopback.

It is told by the rules that it knows (model, `response_format`, text of the system) what the tiers of the example's
provider do; caps and windows it does not look at.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
from examples.pipeline.agent import POLICIES
from examples.pipeline.provider import RESTS, TIERS, Trouble, said

_PROGRAM = Path(__file__).parents[2] / "tests/independent/node_modules/@copilotkit/aimock/dist/cli.js"
_B = TIERS["model_b"]
PATIENCE = 30.0


def missing() -> str:
    """Why it cannot be started; nothing where it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    return "" if _PROGRAM.exists() else "@copilotkit/aimock is not installed (`scripts/setup independent`)"


class Aimock:
    """A `Mock`: the process at this address."""

    def __init__(self, url: str, policies: Path) -> None:
        self._url = url
        self.policies = policies

    def transport(self) -> None:
        """The usual one."""

    def direct(self) -> httpx2.AsyncBaseTransport:
        return _Elsewhere(self._url)

    async def said(self) -> list[str]:
        async with httpx.AsyncClient(base_url=self._url, timeout=PATIENCE) as http:
            entries: list[dict[str, Any]] = (await http.get("/__aimock/journal")).json()
            await http.post("/__aimock/reset/journal")
        return [entry["response"]["fixture"]["response"].get("content", "") for entry in entries]


class _Elsewhere(httpx2.AsyncHTTPTransport):
    """Whatever the request's host, it is asked there."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = httpx2.URL(url)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url.copy_with(scheme=self._to.scheme, host=self._to.host, port=self._to.port)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        moved = httpx2.Request(request.method, url, headers=headers, content=await request.aread())
        return await super().handle_async_request(moved)


@contextmanager
def serving(troubles: Mapping[str, Trouble]) -> Generator[Aimock]:
    with tempfile.TemporaryDirectory() as folder:
        fixtures = Path(folder) / "fixtures.json"
        fixtures.write_text(json.dumps({"fixtures": _fixtures(troubles)}))
        with subprocess.Popen(
            ["node", str(_PROGRAM), "-p", "0", "-f", str(fixtures), "--strict"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            url = _address(process.stdout)
            rest = threading.Thread(target=deque[str](maxlen=0).extend, args=(process.stdout,))
            rest.start()  # nobody reads what it says from now on, and it must not wait for that
            try:
                policies = Path(folder) / "policies"
                policies.mkdir()
                for file in POLICIES.glob("*.yaml"):
                    (policies / file.name).write_text(file.read_text().replace('"embedded:"', f'"{url}/v1"'))
                yield Aimock(url, policies)
            finally:
                process.terminate()
                rest.join(PATIENCE)


def _address(console: Iterable[str]) -> str:
    """Where it says that it serves."""
    heard: list[str] = []
    for line in console:
        heard.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise RuntimeError(f"aimock ended before it served: {''.join(heard)}")


def _fixtures(troubles: Mapping[str, Trouble]) -> list[dict[str, Any]]:
    found = [{"match": {"model": model}, "response": _error(trouble.status)} for model, trouble in troubles.items()]
    redone = {"content": said(_B, 1, fits=False)}
    found.append({"match": {"model": "model_b", "responseFormat": "json_schema"}, "response": redone})
    for step in (1, 2, 3):
        told = {"model": "model_b", "systemMessage": [f"Step: {step}/3", '"required":']}
        found.append({"match": told, "response": {"content": said(_B, step, fits=True)}})
    found.append({"match": {"model": "model_b"}, "response": redone})
    return found


def _error(status: int) -> dict[str, Any]:
    busy = status == 429
    code = "rate_limit_exceeded" if busy else "unavailable"
    error = {"error": {"message": "Come back later.", "type": code, "code": code}, "status": status}
    return {**error, "retryAfter": RESTS} if busy else error
