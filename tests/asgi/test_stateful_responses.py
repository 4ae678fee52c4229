"""The `openai` SDK goes on from an answer by its id, whoever gives the next one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.support.asgi import serving
from tests.support.edge import Log

from policyroute_asgi import gateway

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers:
  here: {dialect: openai_responses, base_url: "embedded:"}
  chat: {dialect: openai_chat, base_url: "embedded:"}
  claude: {dialect: anthropic, base_url: "embedded:"}
targets:
  ok: {provider: here, model: ok}
  down: {provider: here, model: overloaded}
  chat: {provider: chat, model: ok}
  claude: {provider: claude, model: ok}
rules:
  - {id: first, when: request.model == "first-ok", route: [ok, chat]}
  - {id: then, when: request.model == "then-down", route: [down, claude]}
  - id: seen
    when: 'request.messages.exists(m, m.text == "my name is Ada")'
    response_headers: {set: {x-seen: "yes"}}
default: {route: [requested], fallback: {retries: 0, swap_delay: 0ms}}
"""


@asynccontextmanager
async def client_of(
    directory: Path, log: Log, policy: str = POLICY, **options: Any
) -> AsyncGenerator[openai.AsyncOpenAI]:
    (directory / "policy.yaml").write_text(policy)
    async with (
        serving(gateway(directory, log=log, **options)) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


async def asked(client: openai.AsyncOpenAI, model: str, said: str, stream: bool = False, **more: Any) -> Any:
    """The answer, and whether its rules saw the first turn."""
    create: Any = client.responses.with_raw_response.create
    if not stream:
        raw = await create(model=model, input=said, **more)
        return raw.parse(), raw.headers.get("x-seen") == "yes"
    raw = await create(model=model, input=said, stream=True, **more)
    events = [event async for event in raw.parse()]
    assert events[-1].type == "response.completed"
    return events[-1].response, raw.headers.get("x-seen") == "yes"


ADA = "my name is Ada"


@pytest.mark.parametrize("stream", [False, True])
async def test_three_turns_at_providers_of_three_dialects(tmp_path: Path, log: Log, stream: bool) -> None:
    async with client_of(tmp_path, log) as client:
        first, _ = await asked(client, "first-ok", ADA, stream)
        second, seen = await asked(client, "then-down", "go on", stream, previous_response_id=first.id)
        assert (seen, second.output_text, second.id != first.id) == (True, "ok says: go on", True)
        assert second.id.startswith("resp_policyroute_")  # no provider of this dialect gave it
        third, seen = await asked(client, "chat", "and on", stream, previous_response_id=second.id)
        assert (seen, third.output_text) == (True, "ok says: and on")
        assert third.usage.input_tokens > second.usage.input_tokens > first.usage.input_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_told_by_us_is_gone_on_with_at_any_provider(
    tmp_path: Path, log: Log, stream: bool
) -> None:
    async with client_of(tmp_path, log) as client:
        first, _ = await asked(client, "chat", ADA, stream)
        assert first.id.startswith("resp_policyroute_")
        second, seen = await asked(client, "ok", "go on", stream, previous_response_id=first.id)
        assert seen
        # The provider got the first turn too: the embedded one counts what it is given.
        assert second.usage.input_tokens > first.usage.input_tokens


async def test_it_is_known_after_a_restart_where_there_is_a_state_dir(tmp_path: Path, log: Log) -> None:
    policies, state = tmp_path / "policies", tmp_path / "state"
    policies.mkdir()
    state.mkdir()
    async with client_of(policies, log, state_dir=state) as client:
        first, _ = await asked(client, "chat", ADA)
    async with client_of(policies, log, state_dir=state) as client:
        _, seen = await asked(client, "claude", "go on", previous_response_id=first.id)
        assert seen
    async with client_of(policies, log) as client:
        await _not_found(client, first.id)


async def test_whoever_has_seen_the_end_of_it_may_go_on_at_another_process_at_once(tmp_path: Path, log: Log) -> None:
    one, two, state = (tmp_path / name for name in ("one", "two", "state"))
    for directory in (one, two):
        directory.mkdir()
    async with client_of(one, log, state_dir=state) as here, client_of(two, log, state_dir=state) as there:
        last, _ = await asked(here, "chat", ADA)
        for turn in range(40):
            client = here if turn % 2 else there
            last, seen = await asked(client, "chat", "go on", turn % 3 == 0, previous_response_id=last.id)
            assert seen, turn


async def test_what_the_client_does_not_let_be_kept_is_not(tmp_path: Path, log: Log) -> None:
    async with client_of(tmp_path, log) as client:
        for stream in (False, True):
            first, _ = await asked(client, "chat", ADA, stream, store=False)
            await _not_found(client, first.id)


KEYS = """
clients:
  ann: {key_sha256: %s, tenant: acme}
  eve: {key_sha256: %s, tenant: other}
"""


async def test_another_tenant_does_not_find_it(tmp_path: Path, log: Log) -> None:
    policy = POLICY + KEYS % (sha256(b"ann-key").hexdigest(), sha256(b"eve-key").hexdigest())
    async with client_of(tmp_path, log, policy) as client:
        ann, eve = (client.with_options(api_key=key) for key in ("ann-key", "eve-key"))
        first, _ = await asked(ann, "chat", ADA)
        await _not_found(eve, first.id)
        assert (await asked(ann, "ok", "go on", previous_response_id=first.id))[1]


class Provider:
    """One of this dialect: keeps the bodies and keys that it was sent, and answers each with an id of its own."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.fails = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.bodies.append(json.loads((await receive())["body"]))
        self.keys.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        thought: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
        part: dict[str, Any] = {"type": "output_text", "text": "Hello.", "annotations": []}
        said: dict[str, Any] = {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
        output = [thought, said]
        told = {"id": f"resp_{len(self.bodies)}", "object": "response", "status": "completed", "output": output}
        error = {"error": {"message": "busy", "type": "server_error"}}
        status = 503 if self.fails else 200
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(error if self.fails else told).encode()})


TWO = """
version: 1
providers:
  a: {dialect: openai_responses, base_url: "%s", api_keys: [{env: KEY_A}, {env: KEY_B}]}
  b: {dialect: openai_responses, base_url: "%s", api_keys: [{env: KEY_C}, {env: KEY_D}]}
targets: {gpt: {providers: [a, b], model: gpt}}
default: {route: [gpt], fallback: {retries: 1, max_attempts: 9, swap_delay: 0ms}}
"""


async def test_the_account_that_has_it_is_asked_as_the_client_did_and_another_is_told_all(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ABCD":
        monkeypatch.setenv(f"KEY_{name}", f"sk-{name.lower()}-0123456789")
    a, b = Provider(), Provider()
    async with (
        serving(a) as at_a,
        serving(b) as at_b,
        client_of(tmp_path, log, TWO % (f"{at_a}/v1", f"{at_b}/v1")) as client,
    ):
        first, _ = await asked(client, "gpt", ADA)
        assert first.id == "resp_1"
        await asked(client, "gpt", "go on", previous_response_id=first.id)
        assert a.bodies[-1] == {"model": "gpt", "input": "go on", "previous_response_id": "resp_1"}
        a.fails = True
        a.keys.clear()
        await asked(client, "gpt", "go on", previous_response_id=first.id)
    assert len(set(a.keys)) == 1  # the other key may be another account's
    (told,) = b.bodies
    assert "previous_response_id" not in told
    assert [item["role"] for item in told["input"]] == ["user", "assistant", "user"]
    assert "msg_1" not in json.dumps(told)
    assert "rs_1" not in json.dumps(told)
    assert set(b.keys) <= {"Bearer sk-c-0123456789", "Bearer sk-d-0123456789"}


async def _not_found(client: openai.AsyncOpenAI, id: str) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            await asked(client, "ok", "go on", stream, previous_response_id=id)
        assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
