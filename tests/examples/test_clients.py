"""The frameworks' own test clients on the example apps: an app's tests go on as they did, and reach LLM paths too."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient
from litestar.testing import TestClient as LitestarClient
from starlette.testclient import TestClient
from tests.support.asgi import http_scope
from tests.support.canaries import PROMPT

communicator: Any = ApplicationCommunicator  # it has no types
ANN = {"authorization": "Bearer ann-key"}
ASKED: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": PROMPT}]}
CHAT = "/v1/chat/completions"

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("module", "client"),
    [("fastapi_app.main", TestClient), ("starlette_app.main", TestClient), ("litestar_app.main", LitestarClient)],
)
def test_clients_that_run_the_lifespan(module: str, client: Any) -> None:
    with client(import_module(module).create_app()) as http:
        assert http.get("/hello/you", headers=ANN).json() == {"hello": "you", "from": "ann"}
        assert http.post(CHAT, json=ASKED, headers=ANN).json()["model"] == "best-model"
        assert http.post(CHAT, json=ASKED).json()["error"]["code"] == "unauthenticated"


async def test_quarts() -> None:
    app: Any = import_module("quart_app.main").create_app()
    before = asyncio.all_tasks()
    async with app.test_app() as running:  # Quart's startup and shutdown, without ASGI's lifespan
        http = running.test_client()
        assert await (await http.get("/hello/you", headers=ANN)).get_json() == {"hello": "you", "from": "ann"}
        answer = await http.post(CHAT, json=ASKED, headers=ANN)
        assert (await answer.get_json())["model"] == "best-model"
    assert asyncio.all_tasks() == before


async def test_djangos() -> None:
    """Django's client calls its views and leaves out what is around them: `asgiref` calls the whole."""
    module: Any = import_module("django_app.asgi")
    assert (await AsyncClient().get("/")).json() == {"app": "example"}
    headers = [("content-type", "application/json"), *ANN.items()]
    calling: Any = communicator(module.application, http_scope("POST", CHAT, headers))
    await calling.send_input({"type": "http.request", "body": json.dumps(ASKED).encode()})
    head = await calling.receive_output(5)
    answer = await calling.receive_output(5)
    assert (head["status"], json.loads(answer["body"])["model"]) == (200, "best-model")
    await calling.wait(5)
    await module.policyroute.aclose()
