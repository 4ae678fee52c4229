"""The pipeline through `policyroute serve`, killed with -9 between the snapshot and the swap, and started again.

The moment is known from outside: the next model's address accepts the gateway's connection and reads nothing of it. By
then the snapshot has to be in the state directory. The client asks the same again when the gateway is back.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import httpx2
import uvicorn
import yaml
from examples.pipeline.agent import POLICIES
from examples.pipeline.provider import Provider

from scripts.benchmarks.pipeline_runs import Run, swaps, through
from scripts.benchmarks.processes import free_port, wait_for

_PATIENCE = 30.0


async def run(provider: Provider, task: str, places: asyncio.Semaphore) -> Run:
    async with places:
        return await _run(provider, task)


async def _run(provider: Provider, task: str) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _served(provider) as port, _gate(port) as gate:
            gateway = _Gateway(folder, {"first": port, "second": gate.port, "third": port})
            killing = asyncio.create_task(gateway.killed_at(gate))
            try:
                await asyncio.to_thread(gateway.start)
                http = httpx2.AsyncClient(transport=_Again(gateway.back), timeout=_PATIENCE)
                done = await through(http, task, f"http://127.0.0.1:{gateway.port}/v1")
                await killing
            finally:
                killing.cancel()
                await gateway.end()
        log = (folder / "log").read_bytes()
    return Run(done, [call.text for call in provider.calls], swaps(log) + 1)  # the killed one wrote nothing


class _Gateway:
    """A process after the other, on one port and one state directory."""

    def __init__(self, folder: Path, providers: dict[str, int]) -> None:
        self.port = free_port()
        self.back = asyncio.Event()
        self._state = folder / "state"
        self._console = folder / "console"
        policies = folder / "policies"
        policies.mkdir()
        policy = yaml.safe_load((POLICIES / "policy.yaml").read_text())
        for name, port in providers.items():
            policy["providers"][name]["base_url"] = f"http://127.0.0.1:{port}/v1"
        (policies / "policy.yaml").write_text(yaml.safe_dump(policy))
        options = ["--port", str(self.port), "--state-dir", str(self._state), "--log", str(folder / "log")]
        self._command = [sys.executable, "-m", "policyroute_asgi", "serve", str(policies), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(self._command, stderr=console)
        wait_for(self.port, self._process)

    async def killed_at(self, gate: _Gate) -> None:
        await gate.reached.wait()
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait, _PATIENCE)
        gate.open.set()
        if not _snapshots(self._state):
            raise RuntimeError(f"the next model was asked before the snapshot was kept\n{self._console.read_text()}")
        await asyncio.to_thread(self.start)
        self.back.set()

    async def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, _PATIENCE)


def _snapshots(state: Path) -> int:
    with closing(sqlite3.connect(state / "state.db")) as database:
        found: int = database.execute("SELECT count(*) FROM kept WHERE kind = 'snapshot'").fetchone()[0]
        return found


class _Again(httpx2.AsyncHTTPTransport):
    """A client that asks the same again when the gateway is back."""

    def __init__(self, back: asyncio.Event) -> None:
        super().__init__()
        self._back = back

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except httpx2.TransportError:
            async with asyncio.timeout(_PATIENCE):
                await self._back.wait()
            return await super().handle_async_request(request)


class _Gate:
    """An address of the provider at `to`. Its first connection leads nowhere; it ends when the gate is open."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self._to = to

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            if not self.reached.is_set():
                self.reached.set()
                await self.open.wait()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            with closing(back):
                await asyncio.gather(_passed_on(reader, back), _passed_on(there, writer))


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@asynccontextmanager
async def _gate(to: int) -> AsyncGenerator[_Gate]:
    gate = _Gate(to)
    server = await asyncio.start_server(gate.connected, "127.0.0.1", 0)
    gate.port = server.sockets[0].getsockname()[1]
    async with server:
        yield gate


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """There are others in this process."""
        yield


@asynccontextmanager
async def _served(provider: Provider) -> AsyncGenerator[int]:
    """The port of its server."""
    place = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(provider, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve([place]))
    try:
        yield place.getsockname()[1]
    finally:
        server.should_exit = True
        await task
