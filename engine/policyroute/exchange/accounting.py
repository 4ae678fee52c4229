"""What an attempt's audit record says: who gets what of whose, why, how much, and what stays behind.

Rule of this module: it is told of values that were made for the attempt, and gives numbers, names and marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policyroute.audit import Amount, Assertion, AuditRecord, Cause, Cut, Holder, Marks, Outcome, Receiver, Volume
from policyroute.decide.decision import Candidate
from policyroute.exchange.commands import Attempt
from policyroute.exchange.passage import Passage
from policyroute.exchange.verdict import as_word
from policyroute.failures import Failure
from policyroute.policy.model import Provider
from policyroute.redact.kinds import GROUPS
from policyroute.request import Client, ModelRequest
from policyroute.request.estimate import estimated
from policyroute.scrub import Sizes

Exposure = Mapping[str, Mapping[str, int]]
"""Bytes that were sent, by account and label."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One attempt that is about to be made. `id` is the record's, `time` epoch seconds; `sender` held the context last;
    `cause` is how the attempt before ended; `exposure` has this attempt in it, if it is made."""

    id: str
    time: float
    client: Client
    request: ModelRequest
    decision_id: str
    revision: str
    attempt: Attempt
    sender: Provider | None
    boundary: bool
    cause: Failure | None
    exposure: Exposure


def forwarded(occasion: Occasion, passage: Passage, body: bytes, marks: Marks) -> AuditRecord:
    """Of an attempt that sends `body`."""
    scrubbed = passage.scrubbed
    unread = Sizes.unread(len(body))
    before, after = (scrubbed.before, scrubbed.after) if scrubbed is not None else (unread, unread)
    cuts, checked = (scrubbed.cuts, scrubbed.checked) if scrubbed is not None else ((), ())
    record = _record(occasion, marks, before=_volume(before), after=_volume(after), decision="forwarded")
    return replace(
        record,
        cuts=tuple(
            Cut(cut.selector, cut.kind, cut.label.label, cut.action, cut.bytes_in, cut.bytes_out, marks.text(cut.text))
            for cut in cuts
        ),
        redactions={kind: n for kind, n in passage.counts.items() if kind not in _SECRETS},
        secrets={kind: n for kind, n in passage.counts.items() if kind in _SECRETS},
        pseudonyms=passage.pseudonyms,
        assertions=tuple(Assertion(name, ok=True) for name in checked),
        wire_bytes=len(body),
        body=marks.body(body),
    )


def refused(occasion: Occasion, reason: str, marks: Marks, *, final: bool = False) -> AuditRecord:
    """Of one that is not made: nothing was sent, for the reason with this code. `final`: nor is it to anybody else."""
    size = occasion.request.size
    before = Volume(size, estimated(size))
    decision: Outcome = "refused" if final else "next_candidate"
    return _record(occasion, marks, before=before, after=Volume(0, 0), decision=decision, refusal=reason)


_SECRETS = frozenset(GROUPS["secrets"])


def _record(  # noqa: PLR0913 - what every record says
    occasion: Occasion, marks: Marks, *, before: Volume, after: Volume, decision: Outcome, refusal: str | None = None
) -> AuditRecord:
    request, client, attempt, cause = occasion.request, occasion.client, occasion.attempt, occasion.cause
    conversation = request.conversation_id
    return AuditRecord(
        id=occasion.id,
        time=occasion.time,
        tenant=client.tenant,
        client=client.id,
        request_id=request.id,
        decision_id=occasion.decision_id,
        conversation=marks.conversation(client.tenant, conversation) if conversation else None,
        attempt=attempt.number,
        sender=_holder(occasion.sender),
        to=_receiver(attempt.candidate),
        boundary=occasion.boundary,
        phase="mid_stream" if attempt.carried is not None else "first" if cause is None else "before_first_byte",
        revision=occasion.revision,
        cause=Cause(cause.kind.value, cause.status, as_word(cause.code)) if cause is not None else None,
        exposure=occasion.exposure,
        before=before,
        after=after,
        decision=decision,
        refusal=refusal,
    )


def _holder(provider: Provider | None) -> Holder | None:
    return None if provider is None else Holder(provider.name, provider.region, provider.clearance.label)


def _receiver(candidate: Candidate) -> Receiver:
    provider = candidate.provider
    return Receiver(candidate.target, provider.name, candidate.model, provider.region, provider.clearance.label)


def _volume(sizes: Sizes) -> Volume:
    return Volume(sizes.total, estimated(sizes.total), _amounts(sizes.by_role), _amounts(sizes.by_label))


def _amounts(sizes: Mapping[str, int]) -> dict[str, Amount]:
    return {name: Amount(size, estimated(size)) for name, size in sizes.items()}
