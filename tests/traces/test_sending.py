"""`policyroute serve --traces otlp` as processes, and the collector that they send to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.asgi import serving
from tests.support.canaries import PROMPT
from tests.support.edge import JSON, chat
from tests.support.processes import Gateway

from policyroute_asgi.cli import MISUSE, main
from policyroute_asgi.traces.opening import sending

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
POLICY = """version: 1
providers: {here: {dialect: openai_chat, base_url: "embedded:"}}
targets: {small: {provider: here, model: ok}}
default: {route: [small]}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "main.yaml").write_text(POLICY)
    return folder


class Collector:
    """What came by OTLP over HTTP. The first time it is not ready yet."""

    def __init__(self) -> None:
        self.app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])
        self.headers = list[str | None]()
        self.resources = list[dict[str, str]]()
        self.names = list[str]()
        self.text = ""

    async def _take(self, request: Request) -> Response:
        self.headers.append(request.headers.get("x-tenant"))
        if len(self.headers) == 1:
            return Response(status_code=503)
        sent = ExportTraceServiceRequest.FromString(await request.body())
        self.text += str(sent)
        for each in sent.resource_spans:
            self.resources.append({pair.key: pair.value.string_value for pair in each.resource.attributes})
            self.names += [span.name for scope in each.scope_spans for span in scope.spans]
        return Response(b"", media_type="application/x-protobuf")


async def _asked(gateway: Gateway, times: int) -> list[int]:
    url = await asyncio.to_thread(gateway.url)

    def ask() -> int:  # on a connection of its own, so that it may be anybody's
        return httpx.post(url + CHAT, content=chat("x"), headers=dict(JSON), timeout=60).status_code

    return [await asyncio.to_thread(ask) for _ in range(times)]


async def _over(gateway: Gateway) -> tuple[int, str]:
    gateway.tell(signal.SIGTERM)
    said = await asyncio.to_thread(gateway.rest)
    return (await asyncio.to_thread(gateway.ended))[0], said


async def test_every_worker_sends_its_spans(policies: Path) -> None:
    collector = Collector()
    async with serving(collector.app, ours=False) as url:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=secret-of-the-collector",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        words = (policies, "--traces", "otlp", "--workers", "2", "--log", "none")
        gateway = await asyncio.to_thread(lambda: Gateway(*words, environment=environment))
        answers = await _asked(gateway, 4)
        status, said = await _over(gateway)
    assert (answers, status) == ([200] * 4, 0)
    assert sorted(collector.names) == sorted(["chat ok", f"POST {CHAT}"] * 4)
    assert set(collector.headers) == {"secret-of-the-collector"}
    for resource in collector.resources:
        assert resource["service.name"] == "policyroute"
        assert resource["deployment.environment.name"] == "test"
        assert resource["service.instance.id"]
    for text in (said, collector.text):
        assert PROMPT not in text
        assert "secret-of-the-collector" not in text


async def test_a_collector_that_does_not_answer_holds_up_nobody(policies: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
            "OTEL_TRACES_EXPORTER": "otlp",
        }
        gateway = await asyncio.to_thread(lambda: Gateway(policies, "--log", "none", environment=environment))
        answers = await _asked(gateway, 8)
        status, said = await _over(gateway)
    assert (answers, status) == ([200] * 8, 0)
    assert "Queue full" in said


@pytest.mark.parametrize(
    ("environment", "missing", "said"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            (),
            "http/protobuf is spoken here, and OTEL_EXPORTER_OTLP_PROTOCOL asks",
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, (), "and OTEL_EXPORTER_OTLP_TRACES_PROTOCOL asks for grpc"),
        ({}, ("opentelemetry.exporter.otlp.proto.http",), "pip install 'policyroute[opentelemetry]'"),
        ({}, ("opentelemetry.sdk",), "pip install 'policyroute[opentelemetry]'"),
    ],
)
def test_a_start_that_could_not_send_is_refused(  # noqa: PLR0913, PLR0917 - a table
    policies: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    missing: tuple[str, ...],
    said: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    modules: dict[str, Any] = sys.modules
    for name in missing:
        monkeypatch.setitem(modules, name, None)
    assert main(["serve", str(policies), "--traces", "otlp"]) == MISUSE
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_variable_that_names_another_exporter_is_refused_by_its_own_name(policies: Path) -> None:
    command = [sys.executable, "-m", "policyroute_asgi", "serve", str(policies)]
    environment = os.environ | {"OTEL_TRACES_EXPORTER": "console"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == MISUSE
    assert "OTEL_TRACES_EXPORTER: 'console' is not spoken here: otlp, or none" in " ".join(done.stderr.split())


async def _opened(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with sending("otlp") as provider:
        return provider is not None


@pytest.mark.parametrize("header", ["Authorization: Bearer sk-of-the-collector", "sk-of-the-collector"])
async def test_a_header_that_is_none_is_told_without_what_it_says(
    header: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert await _opened({"OTEL_EXPORTER_OTLP_HEADERS": f"x-tenant=one,{header}"}, monkeypatch)
    assert "sk-of-the-collector" not in caplog.text
    assert "OTEL_EXPORTER_OTLP_HEADERS: one is left out" in caplog.text


async def test_variables_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not await _opened({"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, monkeypatch)
    assert "SPANS ARE NOT SENT" in caplog.text
    assert "OTEL_BSP_MAX_QUEUE_SIZE" in caplog.text


def test_nothing_of_it_is_imported_where_nobody_asked(policies: Path) -> None:
    script = f"""
import sys
import policyroute_asgi.cli.serve, policyroute_asgi.workers.worker
from policyroute_asgi import Router
Router({str(policies)!r})
print([name for name in sys.modules if name.startswith(("opentelemetry", "requests", "google.protobuf"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
