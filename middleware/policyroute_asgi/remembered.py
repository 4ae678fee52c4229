"""Answers that a client of Responses may go on from: what was said is kept under the answer's id, and found by it.

Rule of this module: under the tenant and the id as the client saw it. Only what stands for itself is kept, and no
trouble with the store is a request's.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from policyroute.decide.decision import Candidate, Denial
from policyroute.dialects.openai_responses import earlier
from policyroute.dialects.shapes import obj
from policyroute.dialects.sse import EventTooLarge, Framer, read_event
from policyroute.failures import Failure
from policyroute.record import ExchangeRecord
from policyroute.request import BadRequest, ModelRequest
from policyroute_asgi.client_side import Answer, ClientSide
from policyroute_asgi.state.store import StateStore, put_in_time

DIALECT: Final = "openai_responses"
TTL: Final = 24 * 3600.0
"""Seconds that it is kept."""
MOST: Final = 1024 * 1024
"""Bytes of one conversation: a larger one is not kept."""
_KIND: Final = "response"
_ENDS: Final = ("response.completed", "response.incomplete")
_LAST: Final = tuple(name.encode() for name in _ENDS)


class _Kept(BaseModel):
    """`issuer` is the provider (name, base_url) that has the answer by this id too, None where none has."""

    items: list[Any]
    issuer: tuple[str, str] | None


class Remembered:
    """What was said, in the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def get(self, tenant: str, id: str) -> bytes | None:
        return await self._store.get(_KIND, _key(tenant, id))

    async def put(self, tenant: str, id: str, written: bytes) -> None:
        """Returns when all processes find it: the client may ask any of them next."""
        await put_in_time(self._store, _KIND, _key(tenant, id), written, TTL)


async def whole(request: ModelRequest, tenant: str, remembered: Remembered) -> ModelRequest:
    """The request with what it goes on from, where that is known. Raises BadRequest for an answer that nobody has."""
    id = earlier.goes_on_from(request.data)
    if not id:
        return request
    found = _read(await remembered.get(tenant, id))
    if found is not None:
        data = earlier.continued(request.data, found.items)
        return request.continuing(data, orjson.dumps(data), found.issuer)
    if earlier.is_ours(id):
        message = (
            f"Previous response with id '{id[:100]}' not found: it was told by this gateway and is not kept any "
            "more, or never was. Send the whole conversation as `input`, without `previous_response_id`."
        )
        raise BadRequest("previous_response_not_found", message, param="previous_response_id")
    return request


def hearing(request: ModelRequest, tenant: str, remembered: Remembered, client: ClientSide) -> Hearing | None:
    """Who hears the answer to a request that later ones may go on from; None where none can."""
    if request.dialect != DIALECT or not earlier.is_kept(request.data) or request.kept:
        return None
    return Hearing(request, tenant, remembered, client)


class Hearing:
    """The `ClientSide` of such a request: passes everything on, and keeps what was said right before the client sees
    the end of it, who may ask the next thing at once. `record` is the exchange's."""

    def __init__(self, request: ModelRequest, tenant: str, remembered: Remembered, client: ClientSide) -> None:
        self.record: ExchangeRecord | None = None
        self._request = request
        self._tenant = tenant
        self._remembered = remembered
        self._client = client
        self._begun: Candidate | None = None
        self._frames: Framer | None = Framer(2 * MOST)

    async def commit(self, answer: Answer) -> None:
        self._begun = answer.attempt.candidate
        await self._client.commit(answer)

    async def send(self, raw: bytes, *, more: bool) -> None:
        if not self._request.stream:
            await self._keep(_parsed(raw))
        elif self._frames is not None:
            await self._hear(raw, self._frames)
        await self._client.send(raw, more=more)

    async def fail(self, failure: Failure) -> None:
        await self._client.fail(failure)

    async def deny(self, denial: Denial) -> None:
        await self._client.deny(denial)

    async def hung_up(self) -> None:
        await self._client.hung_up()

    async def _hear(self, raw: bytes, frames: Framer) -> None:
        try:
            blocks = frames.feed(raw)
        except EventTooLarge:
            self._frames = None
            return
        for block in blocks:
            if any(name in block for name in _LAST):
                told = _parsed(read_event(block)[1] or b"")
                if told.get("type") in _ENDS:
                    await self._keep(obj(told.get("response")))

    async def _keep(self, response: dict[str, Any]) -> None:
        id, items = response.get("id"), earlier.said(self._request.data, response)
        if not isinstance(id, str) or not id or items is None:
            return
        issuer = self._issuer() if response.get("store") is not False and not earlier.is_ours(id) else None
        written = orjson.dumps({"items": items, "issuer": issuer})
        if len(written) <= MOST:
            await self._remembered.put(self._tenant, id, written)

    def _issuer(self) -> tuple[str, str] | None:
        """The provider whose answer it is from its beginning to its end."""
        attempts = self.record.attempts if self.record is not None else ()
        if self._begun is None or self._begun.provider.dialect != DIALECT or any(each.carried for each in attempts):
            return None
        return self._begun.provider.name, self._begun.provider.base_url


def _parsed(told: bytes) -> dict[str, Any]:
    """Of an answer larger than is kept: nothing."""
    if len(told) > 2 * MOST:
        return {}
    try:
        return obj(orjson.loads(told))
    except orjson.JSONDecodeError:
        return {}


def _key(tenant: str, id: str) -> str:
    return f"{tenant}\0{id}"


def _read(written: bytes | None) -> _Kept | None:
    if not written:
        return None
    try:
        return _Kept.model_validate_json(written)
    except ValidationError:
        return None
