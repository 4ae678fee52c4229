"""A conversation's pseudonyms are kept once, and beside what others have added to them."""

from __future__ import annotations

import pytest

from policyroute_asgi.state.memory import MemoryStore
from policyroute_asgi.vault import Vault

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_is_kept_is_not_written_again_by_the_next_attempt() -> None:
    store = MemoryStore()
    vault = Vault(store)
    pseudonyms = await vault.opened("c1")
    token = pseudonyms.of("email", "zoe.quill@mail.example")
    await vault.keep("c1", pseudonyms, 600.0)
    assert (await vault.opened("c1")).values == {token: "zoe.quill@mail.example"}
    store.put_later("vault", "c1", b"", 0.0)
    await vault.keep("c1", pseudonyms, 600.0)
    assert not (await vault.opened("c1")).values, "there was nothing new"
    later = pseudonyms.of("email", "ada@mail.example")
    await vault.keep("c1", pseudonyms, 600.0)
    assert (await vault.opened("c1")).values == {later: "ada@mail.example"}


async def test_two_requests_at_once_lose_nothing_of_each_other() -> None:
    vault = Vault(MemoryStore())
    one, other = await vault.opened("c1"), await vault.opened("c1")
    tokens = {one.of("email", "zoe.quill@mail.example"), other.of("email", "ada@mail.example")}
    await vault.keep("c1", one, 600.0)
    await vault.keep("c1", other, 600.0)
    assert set((await vault.opened("c1")).values) == tokens
