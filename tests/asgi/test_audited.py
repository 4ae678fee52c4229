"""What is recorded of attempts is what the providers got, and nothing is sent that cannot be recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.support.auditing import findings
from tests.support.crossing import ASKED, POLICY, SECRET, answered, chat, routed
from tests.support.echoing import Echo, Echoes

from policyroute.audit import AuditRecord, Marks
from policyroute_asgi.audit import stored

pytestmark = pytest.mark.anyio

KEY: Final = "an audit key of some length"


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AUDIT_KEY", KEY)
    return f"{POLICY}\naudit: {{path: {tmp_path / 'audit'}, key: {{env: AUDIT_KEY}}}}\n"


def records(folder: Path, conversation: str) -> Iterator[AuditRecord]:
    for each in stored.of_conversation(folder / "audit", conversation, None, [Marks(KEY.encode())]):
        yield each.record


async def test_each_attempt_is_recorded_as_it_was_sent(tmp_path: Path, audited: str) -> None:
    echoes = Echoes(
        home=Echo(cut=4, says=lambda _: "Here is the letter that you asked for. "),
        away=Echo(down=True),
        far=Echo("anthropic", says=lambda _: "Done."),
    )
    async with routed(tmp_path, echoes, audited) as client:
        await answered(client, chat(ASKED, stream=True), "c1")
        await answered(client, chat(ASKED, stream=True), "c1")
    *found, again = records(tmp_path, "c1")
    sent = [body for name in ("home", "away", "far") for body in echoes.by_host[name].got]
    assert [each.wire_bytes for each in (found[0], again, *found[1:])] == [len(body) for body in sent]
    assert [(each.to.provider, each.phase, each.boundary) for each in found] == [
        ("home", "first", False),
        ("away", "mid_stream", True),
        ("far", "mid_stream", True),
    ]
    assert [each.cause.kind if each.cause else None for each in found] == [None, "stream_broken", "unavailable"]
    first, second, _ = found
    assert first.cuts == () and first.after.by_label["confidential"].bytes == len(SECRET)
    (cut,) = second.cuts
    assert (cut.label, cut.bytes_in, cut.bytes_out) == ("confidential", len(SECRET), 0)
    assert cut.mark == Marks(KEY.encode()).text(SECRET)
    assert second.redactions == {"email": 1, "card": 1} and "confidential" not in second.after.by_label
    assert set(found[-1].exposure) == {"home/confidential/", "away/internal/", "far/confidential/"}
    once = {label: amount.bytes for label, amount in first.after.by_label.items()}
    assert first.exposure == {"home/confidential/": once}
    assert again.exposure["home/confidential/"] == {label: 2 * size for label, size in once.items()}
    assert not findings(tmp_path / "audit")
    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir())
    assert not [text for text in (b"Tangerine", b"zoe.quill", b"4111 1111", b"letters") if text in written]


async def test_what_does_not_go_is_recorded_too(tmp_path: Path, audited: str) -> None:
    system = f"<required><confidential>{SECRET}</confidential></required>"
    echoes = Echoes(home=Echo(down=True), away=Echo())
    policy = audited.replace("[one, two, three]", "[one, two]")
    async with routed(tmp_path, echoes, policy) as client:
        await client.post("/v1/chat/completions", json=chat("Hi", system=system), headers={"x-conversation-id": "c1"})
    _, second = records(tmp_path, "c1")
    assert (second.decision, second.refusal, second.wire_bytes) == ("next_candidate", "clearance", None)


async def test_nothing_is_sent_that_cannot_be_recorded(tmp_path: Path, audited: str) -> None:
    echoes = Echoes(home=Echo(), away=Echo())
    async with routed(tmp_path, echoes, audited) as client:
        await answered(client, chat("Hello."))
        for path in (tmp_path / "audit").iterdir():
            path.unlink()
        (tmp_path / "audit").rmdir()
        (tmp_path / "audit").write_text("in the way")
        answer = await client.post("/v1/chat/completions", json=chat("Hello."))
    assert answer.status_code == 502 and "recorded" in answer.json()["error"]["message"]
    assert len(echoes.by_host["home"].got) == 1 and not echoes.by_host["away"].got


@pytest.mark.parametrize(("code", "recorded"), [("engine_overloaded", "engine_overloaded"), (ASKED, None)])
async def test_what_a_provider_says_of_its_failure_is_recorded_where_it_is_a_code(
    tmp_path: Path, audited: str, code: str, recorded: str | None
) -> None:
    echoes = Echoes(home=Echo(down=True, code=code), away=Echo())
    async with routed(tmp_path, echoes, audited) as client:
        await answered(client, chat("Hello."), "c1")
    _, second = records(tmp_path, "c1")
    assert second.cause is not None and second.cause.code == recorded
