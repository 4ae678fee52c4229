"""What an attempt's audit record says: who gets what of whose, why, how much, and what stays behind.

Rule of this module: it is told of values that were made for the attempt, and gives numbers, names and marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policyroute.audit import Amount, Assertion, AuditRecord, Cause, Cut, Holder, Marks, Receiver, Volume
from policyroute.decide.decision import Candidate, Excluded
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
"""Bytes of a conversation that were sent, by account and label."""


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
    whole = Sizes({"request": len(body)}, {"internal": len(body)})  # of what has no prompt
    before, after = (scrubbed.before, scrubbed.after) if scrubbed is not None else (whole, whole)
    secrets = {kind: n for kind, n in passage.counts.items() if kind in _SECRETS}
    return _record(
        occasion,
        marks,
        before=_volume(before),
        after=_volume(after),
        decision="forwarded",
        cuts=tuple(
            Cut(cut.selector, cut.kind, cut.label.label, cut.action, cut.bytes_in, cut.bytes_out)
            for cut in (scrubbed.cuts if scrubbed is not None else ())
        ),
        redactions={kind: n for kind, n in passage.counts.items() if kind not in _SECRETS},
        secrets=secrets,
        pseudonyms=passage.pseudonyms,
        assertions=tuple(Assertion(each.name, each.ok) for each in (scrubbed.checked if scrubbed is not None else ())),
        wire_bytes=len(body),
        body=marks.body(body),
    )


def refused(occasion: Occasion, reason: Excluded, marks: Marks) -> AuditRecord:
    """Of one that is not made: nothing was sent."""
    size = occasion.request.size
    before = Volume(size, estimated(size))
    return _record(occasion, marks, before=before, after=Volume(0, 0), decision="next_candidate", refusal=reason.code)


_SECRETS = frozenset(GROUPS["secrets"])


def _record(occasion: Occasion, marks: Marks, **told: object) -> AuditRecord:
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
        **told,  # type: ignore[arg-type]
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
