"""What of one request goes to whom: built for each attempt, and known to all who have to know before its first byte.

Rule of this module: nothing is sent of which the record, the conversation's context or its vault does not know yet.
What may take long is done beside the event loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from policyroute.absent import Absent
from policyroute.cel.expression import EvaluationError
from policyroute.decide.decision import Decision, Denial, Hop
from policyroute.decide.facts import Labels as Labelled
from policyroute.exchange.accounting import Occasion, forwarded, refused
from policyroute.exchange.commands import Attempt
from policyroute.exchange.passage import NotForIt, Passage
from policyroute.exchange.payload import Payload, build
from policyroute.exchange.redacting import Secrecy
from policyroute.exchange.resume import Addition
from policyroute.exchange.treatment import BLOCK, Treatment
from policyroute.failures import Failure
from policyroute.policy.model import Provider
from policyroute.redact.known import Known
from policyroute.request import Client, ModelRequest
from policyroute.scrub.traces import Trace
from policyroute.sessions.settings import TTL
from policyroute_asgi.audit.auditor import Auditor
from policyroute_asgi.beside import beside
from policyroute_asgi.context import Context, Contexts, account
from policyroute_asgi.labels import Labels
from policyroute_asgi.moderating import Moderated, Moderator
from policyroute_asgi.state.store import StateStore
from policyroute_asgi.vault import Vault


class Sending(NamedTuple):
    """What an attempt sends, and what is done about its answer. `moderated` is asked before that is given."""

    payload: Payload
    treatment: Treatment | None = None
    moderated: Moderated | None = None


class Crossings:
    """All requests' of one service. `moderator` asks the app about what is sent and answered, if anybody does."""

    def __init__(self, store: StateStore, auditor: Auditor, moderator: Moderator | None) -> None:
        self.moderator = moderator
        self._store = store
        self._auditor = auditor
        self._contexts = Contexts(store)
        self._labels = Labels(store)
        self._vault = Vault(store)

    async def of(self, request: ModelRequest, decision: Decision, client: Client) -> Crossing:
        conversation = request.conversation(client.tenant)
        context = await self._contexts.found(conversation) if conversation else Context()
        secrecy = NOTHING
        if decision.redactions or decision.censors or decision.scrubs:
            key = self._store.derived(f"hashes\0{client.tenant}")
            labelled = await self._labels.found(conversation) if conversation and decision.scrubs else ()
            secrecy = Secrecy(key, await _values(decision, client), await self._vault.opened(conversation), labelled)
        kept = _Kept(conversation, self._contexts, self._labels, self._vault, self._auditor)
        moderator = self.moderator
        moderated = Moderated(moderator, request, client, decision.id) if moderator is not None else None
        return Crossing(request, decision, client, context, secrecy, kept, moderated)

    async def labelled(self, request: ModelRequest, client: Client) -> Labelled:
        """How secret what was labelled in the conversation is. Where others may know of it and cannot be asked, nobody
        knows."""
        conversation = request.conversation(client.tenant)
        found = await self._labels.found(conversation) if conversation else ()
        if not found and conversation and self._store.degraded:
            return EvaluationError("what was labelled in the conversation cannot be read now")
        return tuple(sorted({trace.label for trace in found}))


NOTHING: Final = Secrecy(b"")


async def _values(decision: Decision, client: Client) -> Known | None:
    """The app's values of the client, made ready to be looked for once a request; None where no rule does."""
    values = client.known_values
    rules = (*decision.redactions, *decision.censors)
    if not values or not any(rule.known for _, rule in rules):
        return None
    size = sum(len(some) if isinstance(some, str) else sum(map(len, some)) for some in values.values())
    return await beside(partial(Known, values), size)


class _Kept(NamedTuple):
    """Where what a request leaves is kept."""

    conversation: str
    contexts: Contexts
    labels: Labels
    vault: Vault
    auditor: Auditor


class Crossing:
    """One request's."""

    def __init__(  # noqa: PLR0913, PLR0917 - whose request, and what is known of its conversation
        self,
        request: ModelRequest,
        decision: Decision | None,
        client: Client,
        context: Context,
        secrecy: Secrecy,
        kept: _Kept | None,
        moderated: Moderated | None = None,
    ) -> None:
        self._request = request
        self._decision = decision
        self._client = client
        self._context = context
        self._secrecy = secrecy
        self._kept = kept
        self._moderated = moderated
        self._sender: Provider | None = None

    async def sending(
        self, attempt: Attempt, hop: Hop, key: str | None, addition: Addition | None, cause: Failure | None
    ) -> Sending | Failure | Denial:
        """What goes to the candidate; `key` is what it sees of ours, `cause` why there is an attempt after another.
        Raises NotForIt. A failure: nothing may be sent. A denial: neither to anybody else."""
        request, provider, auditor = self._request, hop.candidate.provider, self._auditor
        passage = Passage.of(
            request,
            hop,
            self._secrecy,
            crosses=self._context.crosses(provider),
            addition=addition,
            measured=auditor is not None,
        )
        if passage is None:
            payload = build(request, hop, key, addition)
        else:
            try:
                payload = await beside(partial(build, request, hop, key, addition, passage), request.size)
            except NotForIt as refusal:
                await self._unsent(attempt, cause, refusal.reason.code)
                raise
        body = payload.outbound.body
        denied = await self._moderated.request(hop.candidate, body) if self._moderated is not None else None
        if denied is not None:
            await self._unsent(attempt, cause, denied.code, final=True)
            return denied
        scrubbed = passage.scrubbed if passage is not None else None
        after = self._context.after(
            provider, scrubbed.after.by_label if scrubbed is not None else {"internal": len(body)}
        )
        if auditor is not None and passage is not None:
            record = forwarded(self._occasion(attempt, cause, after), passage, body, auditor.marks)
            failure = await auditor.written(record)
            if failure is not None:
                return failure
        await self._known(hop, after, scrubbed.traces if scrubbed is not None else ())
        answers = self._moderated if self._moderated is not None and self._moderated.answers else None
        return Sending(payload, self._treatment(hop, passage), answers)

    async def _unsent(self, attempt: Attempt, cause: Failure | None, code: str, *, final: bool = False) -> None:
        """Have it on record that nothing goes to the candidate."""
        auditor = self._auditor
        if auditor is not None:
            occasion = self._occasion(attempt, cause, self._context)
            await auditor.written(refused(occasion, code, auditor.marks, final=final))

    @property
    def _auditor(self) -> Auditor | None:
        """None where the policy asks for no records."""
        kept = self._kept
        return kept.auditor if kept is not None and kept.auditor.active else None

    def _occasion(self, attempt: Attempt, cause: Failure | None, after: Context) -> Occasion:
        decision, provider = self._decision, attempt.candidate.provider
        return Occasion(
            secrets.token_hex(16),
            time.time(),
            self._client,
            self._request,
            decision.id if decision is not None else "",
            decision.revision if decision is not None else "",
            attempt,
            self._sender,
            self._context.lacks(provider),
            cause,
            after.exposure,
        )

    async def _known(self, hop: Hop, after: Context, labelled: Iterable[Trace]) -> None:
        """Who has it now, what of it is labelled, and what stands for what."""
        provider, kept = hop.candidate.provider, self._kept
        first = account(provider) not in self._context.exposure
        self._context, self._sender = after, provider
        if kept is None or not kept.conversation:
            return
        ttl = self._decision.session.ttl if self._decision is not None else TTL
        counted = bool(hop.scrubs) or kept.auditor.active
        await kept.contexts.keep(kept.conversation, after, ttl, first=first, counted=counted)
        if hop.scrubs:
            known = self._secrecy.labelled
            self._secrecy.labelled = await kept.labels.keep(kept.conversation, known, labelled, ttl)
        if self._secrecy.pseudonyms is not None:
            await kept.vault.keep(kept.conversation, self._secrecy.pseudonyms, ttl)

    def _treatment(self, hop: Hop, passage: Passage | None) -> Treatment | None:
        """None where the answer is the client's as it comes: nearly every one."""
        if not (hop.censors or hop.redactions or (passage is not None and passage.traces)):
            return None
        censors = self._secrecy.redaction(hop.censors)
        pseudonyms = self._secrecy.pseudonyms
        restoring = [rule for _, rule in hop.redactions if rule.restore]
        restores = pseudonyms is not None and bool(restoring) and bool(pseudonyms.values)
        traces = passage.traces if passage is not None and passage.traces else None
        if censors is None and not restores and not traces:
            return None
        form = self._request.response_format
        return Treatment(
            censors,
            pseudonyms if restores else None,
            in_urls=any(rule.in_urls for rule in restoring),
            json=not isinstance(form, Absent) and form.type != "text",
            traces=traces,
            blocks=any(rule.confession == BLOCK for _, rule in hop.scrubs),
        )


def alone(request: ModelRequest) -> Crossing:
    """Of a request that nobody else knows of."""
    return Crossing(request, None, Client(), Context(), NOTHING, None)
