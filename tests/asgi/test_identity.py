"""Who calls comes from the app, never from a guess; ids are unique and sort by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from policyroute.request import Client
from policyroute_asgi.identity import ANONYMOUS, new_id, request_id, who

pytestmark = pytest.mark.anyio
SCOPE: dict[str, Any] = {"client": ("192.0.2.7", 4711)}


async def test_facts_as_a_mapping_get_the_peers_address() -> None:
    client = await who(lambda scope: {"id": "ann", "team": "research", "tags": {"region": "eu"}}, SCOPE)
    assert client == Client(id="ann", team="research", tags={"region": "eu"}, address="192.0.2.7")


async def test_an_async_callable_and_a_client_of_its_own() -> None:
    async def identify(scope: Mapping[str, Any]) -> Client:
        return Client(id="bob", address="203.0.113.1")

    assert await who(identify, SCOPE) == Client(id="bob", address="203.0.113.1")


async def test_nobody_is_nobody() -> None:
    assert await who(lambda scope: None, SCOPE) is None


async def test_anonymous_has_a_tenant_of_its_own() -> None:
    client = await who(ANONYMOUS, SCOPE)
    assert client is not None
    assert (client.id, client.tenant, client.address) == ("anonymous", "anonymous", "192.0.2.7")


@pytest.mark.parametrize("facts", [{"team": None}, {"id": 3}, {"colour": "red"}])
async def test_facts_that_no_rule_could_read_are_a_bug_of_the_app(facts: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"team|id|colour"):
        await who(lambda scope: facts, SCOPE)


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [given[:12] for given in ids] == sorted(given[:12] for given in ids)


@pytest.mark.parametrize("given", [b"abc-123", b"x" * 128])
def test_a_callers_id_is_kept(given: bytes) -> None:
    assert request_id(given, "other") == given.decode()


@pytest.mark.parametrize("given", [None, b"", b"x" * 129, b"a b", b"a\r\nset-cookie: x", "ü".encode()])
def test_an_id_that_might_do_harm_is_replaced(given: bytes | None) -> None:
    assert request_id(given, "other") == "other"
