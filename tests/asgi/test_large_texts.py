"""A large request is looked through beside the event loop before it is decided; what is found is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.echoing import Echo, Echoes

from policyroute_asgi import ANONYMOUS, Router

pytestmark = pytest.mark.anyio

POLICY = """
version: 1
providers: {home: {dialect: openai_chat, base_url: "http://home/v1", insecure: true}}
targets: {one: {provider: home, model: m}}
rules:
  - {id: mail, when: '"email" in content.pii', deny: {code: no_mail, message: No addresses}}
  - {id: labels, when: 'content.labels.exists(l, l > "internal")', deny: {code: no_labels, message: No labels}}
default: {route: [one]}
"""


@pytest.mark.parametrize("words", [1, 10_000])
@pytest.mark.parametrize(
    ("system", "said", "told"),
    [
        ("Be kind.", "Hello.", 200),
        ("Be kind.", "Write to zoe.quill@mail.example.", "no_mail"),
        ("Prices: <confidential>we pay 3</confidential>.", "Hello.", "no_labels"),
        ("Prices: <confidential>we pay 3.", "Hello.", "policy_error"),
    ],
)
async def test_rules_find_what_is_in_it(tmp_path: Path, words: int, system: str, said: str, told: int | str) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    turns = [{"role": "system", "content": system}, {"role": "user", "content": "word " * words + said}]
    async with (
        Router(tmp_path, transport=Echoes(home=Echo())) as router,
        router.http_client(client=ANONYMOUS, base_url="http://gateway") as client,
    ):
        answer = await client.post("/v1/chat/completions", json={"model": "x", "messages": turns})
    assert told in {answer.status_code, answer.json().get("error", {}).get("code")}, answer.text[:500]
