"""What is known of a conversation while the server that knows more cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.crossing import SECRET, answered, chat, routed
from tests.support.echoing import Echo, Echoes
from tests.support.redis_server import Server

from policyroute_asgi.state.address import KEY_VARIABLE

pytestmark = pytest.mark.anyio
SAID = ("Hello.", "Bonjour.", "And?")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "redis").mkdir()
    made = Server(tmp_path / "redis", durable=True)
    monkeypatch.setenv(KEY_VARIABLE, "a" * 43 + "=")
    made.start()
    yield made
    made.stop()


async def test_who_cannot_know_whose_a_conversation_is_tells_nobody_its_secrets(tmp_path: Path, server: Server) -> None:
    echoes = Echoes(home=Echo(), away=Echo(), far=Echo("anthropic"))
    async with (
        routed(tmp_path, echoes, state_url=server.url) as one,
        routed(tmp_path, echoes, state_url=server.url) as other,
    ):
        await answered(one, chat("Hello."), "c1")
        await answered(other, chat("Hello."), "unasked")
        server.stop()
        for client in (one, other, other):
            await answered(client, chat(*SAID), "c1")
        told = [SECRET.encode() in body for body in echoes.by_host["home"].got]
        assert told == [True, True, True, False, False], "who had it knows that it did"


async def test_values_come_back_that_a_process_knows(tmp_path: Path, server: Server) -> None:
    echoes = Echoes(home=Echo(down=True), away=Echo())
    asked = "Write to zoe.quill@mail.example, please."
    async with (
        routed(tmp_path, echoes, state_url=server.url) as one,
        routed(tmp_path, echoes, state_url=server.url) as other,
    ):
        await answered(one, chat(asked), "c1")
        token = next(word for word in echoes.by_host["away"].got[-1].decode().split() if word.startswith("ZQ"))
        token = token.strip('",.')
        server.stop()
        echoes.by_host["away"].says = lambda _: f"To {token}!"
        assert await answered(one, chat("To whom?"), "c1") == "To zoe.quill@mail.example!"
        assert await answered(other, chat("To whom?"), "c1") == f"To {token}!", "a pseudonym says nothing"
