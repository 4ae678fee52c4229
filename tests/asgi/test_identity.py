"""Who calls comes from the app, never from a guess; ids are unique and sort by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from starlette.exceptions import HTTPException

from policyroute.request import BadRequest, Client
from policyroute_asgi.identity import ANONYMOUS, IdentifyError, new_id, request_id, who

pytestmark = pytest.mark.anyio
SCOPE: dict[str, Any] = {}
ADDRESS = "192.0.2.7"


async def test_facts_as_a_mapping_get_the_peers_address() -> None:
    client = await who(lambda scope: {"id": "ann", "team": "research", "tags": {"region": "eu"}}, SCOPE, ADDRESS)
    assert client == Client(id="ann", team="research", tags={"region": "eu"}, address="192.0.2.7")


async def test_grants_are_lists_of_strings() -> None:
    client = await who(lambda scope: {"id": "ann", "profiles": ["CHAT"], "models": ("gpt*", "eu")}, SCOPE, ADDRESS)
    assert client == Client(id="ann", profiles=("CHAT",), models=("gpt*", "eu"), address="192.0.2.7")
    client = await who(lambda scope: {"id": "ann", "profiles": None}, SCOPE, ADDRESS)
    assert client == Client(id="ann", address="192.0.2.7")


async def test_what_the_app_knows_of_a_client_does_not_show_itself() -> None:
    known = {"customer": ["Ada Lovelace", "Grace Hopper"], "contract": "K-1815"}
    client = await who(lambda scope: {"id": "ann", "known_values": known}, SCOPE, ADDRESS)
    assert client is not None
    assert client.known_values == known
    assert "Lovelace" not in repr(client)
    assert "K-1815" not in repr(client)


async def test_an_async_callable_and_a_client_of_its_own() -> None:
    async def identify(scope: Mapping[str, Any]) -> Client:
        return Client(id="bob", address="203.0.113.1")

    assert await who(identify, SCOPE, ADDRESS) == Client(id="bob", address="203.0.113.1")


async def test_nobody_is_nobody() -> None:
    assert await who(lambda scope: None, SCOPE, ADDRESS) is None


async def test_anonymous_has_a_tenant_of_its_own() -> None:
    client = await who(ANONYMOUS, SCOPE, ADDRESS)
    assert client is not None
    assert (client.id, client.tenant, client.address) == ("anonymous", "anonymous", "192.0.2.7")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"team": None}, "`client` returned `team` as NoneType: it must be a string"),
        ({"id": 3}, "`client` returned `id` as int: it must be a string"),
        ({"idd": "hunter2"}, "`client` returned `idd`, which is none of id, tenant, team, tier, tags, role, address"),
        ({"my secret is hunter2": "x"}, "`client` returned a key of type str, which is none of id, tenant, team"),
        ({7: "x"}, "`client` returned a key of type int, which"),
        ({"tags": "hunter2"}, "`client` returned `tags` that are no mapping from strings to strings"),
        ({"tags": {"a": 1}}, "`client` returned `tags` that are no mapping from strings to strings"),
        ({"models": "gpt"}, "`client` returned `models` that is neither None nor a list of strings"),
        (
            {"known_values": {"customer": ["Ada", 7]}},
            "`client` returned `known_values` that are no mapping from labels",
        ),
        ({"known_values": ["Ada"]}, "`client` returned `known_values` that are no mapping from labels"),
        ({"known_values": {"pet": ["Rex", "2"]}}, "`client` returned `known_values` that cannot be looked for"),
        (Client(known_values={"pet": "no"}), "`client` returned `known_values` that cannot be looked for"),
        ({"profiles": ["CHAT", 7]}, "`client` returned `profiles` that is neither None nor a list of strings"),
        (7, "`client` must return a Client, a mapping or None, not int"),
    ],
)
async def test_facts_that_no_rule_could_read_are_a_bug_of_the_app(facts: Any, said: str) -> None:
    with pytest.raises(IdentifyError) as raised:
        await who(lambda scope: facts, SCOPE, ADDRESS)
    assert str(raised.value).startswith(said)
    assert "hunter2" not in str(raised.value)


async def test_what_the_callable_raises_is_told_by_its_kind() -> None:
    def boom(scope: Mapping[str, Any]) -> None:
        raise KeyError("hunter2")

    with pytest.raises(IdentifyError, match=r"^`client` raised KeyError$"):
        await who(boom, SCOPE, ADDRESS)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (HTTPException(401), (401, "unauthenticated", "Unauthorized")),
        (HTTPException(403, "Not for you"), (403, "not_admitted", "Not for you")),
        (
            HTTPException(429, cast("Any", {"not": "text"})),
            (429, "not_admitted", "The app does not let this request in."),
        ),
    ],
)
async def test_an_exception_with_a_status_refuses_the_caller(raised: HTTPException, told: tuple[int, str, str]) -> None:
    async def refuse(scope: Mapping[str, Any]) -> None:
        raise raised

    with pytest.raises(BadRequest) as refused:
        await who(refuse, SCOPE, ADDRESS)
    assert (refused.value.status, refused.value.code, refused.value.message) == told


async def test_a_servers_trouble_is_no_refusal() -> None:
    def boom(scope: Mapping[str, Any]) -> None:
        raise HTTPException(503)

    with pytest.raises(IdentifyError):
        await who(boom, SCOPE, ADDRESS)


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
