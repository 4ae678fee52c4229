"""What of one request goes to whom: built for each attempt, and known to all who have to know before its first byte.

Rule of this module: nothing is sent of which the record, the conversation's context or its vault does not know yet.
What may take long is done beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from policyroute.absent import Absent
from policyroute.decide.decision import Decision, Hop
from policyroute.exchange.commands import Attempt
from policyroute.exchange.passage import Passage
from policyroute.exchange.payload import Payload, build
from policyroute.exchange.redacting import Secrecy
from policyroute.exchange.resume import Addition
from policyroute.exchange.treatment import BLOCK, Treatment
from policyroute.request import Client, ModelRequest
from policyroute.scrub import Traces
from policyroute_asgi.context import Context, Contexts
from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.state.store import StateStore
from policyroute_asgi.vault import Vault

Result = TypeVar("Result")

AT_ONCE: Final = 32 * 1024
"""Bytes of a request that is looked through on the event loop; a larger one is on a thread."""


async def beside(work: Callable[[], Result], size: int) -> Result:
    """What `work` gives or raises, which looks through so many bytes."""
    return work() if size <= AT_ONCE else await asyncio.to_thread(work)


@dataclass(frozen=True, slots=True)
class Sending:
    """What an attempt sends, and what is done about its answer."""

    payload: Payload
    treatment: Treatment | None = None


class Crossings:
    """All requests' of one service."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._contexts = Contexts(store)
        self._vault = Vault(store)

    async def of(self, request: ModelRequest, decision: Decision, client: Client) -> Crossing:
        conversation = request.conversation(client.tenant)
        context = await self._contexts.found(conversation)
        secrecy = NOTHING
        if decision.redactions or decision.censors or decision.scrubs:
            key = self._store.derived(f"hashes\0{client.tenant}")
            secrecy = Secrecy(key, client.known_values, await self._vault.opened(conversation))
        return Crossing(request, conversation, context, secrecy, self._contexts, self._vault)


NOTHING: Final = Secrecy(b"")


class Crossing:
    """One request's."""

    def __init__(  # noqa: PLR0913, PLR0917 - whose request, and where what it leaves is kept
        self,
        request: ModelRequest,
        conversation: str,
        context: Context,
        secrecy: Secrecy,
        contexts: Contexts,
        vault: Vault,
    ) -> None:
        self._request = request
        self._conversation = conversation
        self._context = context
        self._secrecy = secrecy
        self._contexts = contexts
        self._vault = vault

    async def sending(self, attempt: Attempt, hop: Hop, key: str | None, addition: Addition | None) -> Sending:
        """What goes to the candidate; `key` is what it sees of ours. Raises NotForIt."""
        provider = hop.candidate.provider
        passage = Passage.of(hop, self._secrecy, crosses=self._context.crosses(provider))
        if passage is None:
            payload = build(self._request, hop, key, addition)
        else:
            payload = await beside(partial(build, self._request, hop, key, addition, passage), self._request.size)
        await self._known(hop, payload, passage)
        return Sending(payload, self._treatment(hop, passage))

    async def _known(self, hop: Hop, payload: Payload, passage: Passage | None) -> None:
        provider = hop.candidate.provider
        first = self._context.lacks(provider) or not self._context.exposure
        scrubbed = passage.scrubbed if passage is not None else None
        size = len(payload.outbound.body)
        self._context.went(provider, scrubbed.after.by_label if scrubbed is not None else {"internal": size})
        await self._contexts.keep(self._conversation, self._context, first=first and bool(hop.scrubs))
        if self._secrecy.pseudonyms is not None:
            await self._vault.keep(self._conversation, self._secrecy.pseudonyms)

    def _treatment(self, hop: Hop, passage: Passage | None) -> Treatment | None:
        """None where the answer is the client's as it comes: nearly every one."""
        censors = self._secrecy.redaction(hop.censors)
        pseudonyms = self._secrecy.pseudonyms
        restoring = [rule for _, rule in hop.redactions if rule.restore]
        restores = pseudonyms is not None and bool(restoring) and bool(pseudonyms.values)
        scrubbed = passage.scrubbed if passage is not None else None
        traces = Traces(scrubbed.traces) if scrubbed is not None and scrubbed.traces else None
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
    store = MemoryStore()
    return Crossing(request, "", Context(), NOTHING, Contexts(store), Vault(store))
