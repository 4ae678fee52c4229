"""Audit records and chains of them, as a gateway would write them."""

from __future__ import annotations

from policyroute.audit import (
    Amount,
    Assertion,
    AuditRecord,
    Cause,
    Cut,
    Head,
    Holder,
    Line,
    Marks,
    Receiver,
    Volume,
    linked,
)

MARKS = Marks(b"k" * 32)
US = Holder("openai", "us", "internal")
TO_US = Receiver("gpt", "openai", "gpt-5.5", "us", "internal")
TO_EU = Receiver("eu", "frankfurt", "qwen3", "eu", "confidential")


def a_record(number: int = 1, conversation: str | None = "c", tenant: str = "acme") -> AuditRecord:
    """The first attempt of a request crosses nothing; the second goes to Europe, and something stays behind."""
    whole = Volume(900, 225, {"system": Amount(500, 125), "user": Amount(400, 100)}, {"internal": Amount(900, 225)})
    rest = Volume(700, 175, {"system": Amount(300, 75), "user": Amount(400, 100)}, {"internal": Amount(700, 175)})
    first = number == 1
    return AuditRecord(
        id=f"r-{number}",
        time=1_700_000_000.0 + number,
        tenant=tenant,
        client="ci",
        request_id="q-1",
        decision_id="d-1",
        conversation=MARKS.conversation(tenant, conversation) if conversation is not None else None,
        attempt=number,
        sender=None if first else US,
        to=TO_US if first else TO_EU,
        boundary=not first,
        phase="first" if first else "before_first_byte",
        before=whole,
        after=whole if first else rest,
        decision="forwarded",
        revision="ab" * 32,
        cause=None if first else Cause("rate_limited", 429, "rate_limit_exceeded"),
        cuts=()
        if first
        else (Cut("scrub-eu", "system", "confidential", "dropped", 200, 0, MARKS.text("secret plan")),),
        redactions={"email": 2},
        secrets={"github_token": 1},
        pseudonyms=2,
        assertions=(Assertion("must_keep", ok=True),),
        wire_bytes=1234,
        body=MARKS.body(b"{}"),
        exposure={"openai": {"internal": 900}},
    )


def a_chain(count: int, marks: Marks = MARKS, chain: str = "j1-0a") -> tuple[list[bytes], Head]:
    """`count` entries, the beginning among them, and the head."""
    lines: list[bytes] = []
    head = Head(chain)
    for number in range(count):
        content = a_record(number).as_json() if number else {}
        line, head = linked(head, "record" if number else "begin", content, marks, 1_700_000_000.0 + number)
        lines.append(line)
    return lines, head


def placed(lines: list[bytes]) -> list[Line]:
    return [Line(f"a.jsonl:{number}", line) for number, line in enumerate(lines, 1)]
