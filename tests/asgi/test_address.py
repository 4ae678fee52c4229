"""Where a request comes from: forwarded addresses count only as far as trusted proxies wrote them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute_asgi.address import Proxies

TRUSTED = ["10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48"]


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    return {"client": (peer, 4711), "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # not a proxy of ours: its word is nothing
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),  # the client wrote 1.1.1.1
        ("10.0.0.1", ("1.1.1.1", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1, 10.2.3.4, 192.0.2.1",), "198.51.100.1"),
        ("10.0.0.1", ("10.0.0.9, 10.0.0.8",), "10.0.0.9"),  # nobody but ours: the farthest
        ("10.0.0.1", ("198.51.100.1:1234",), "198.51.100.1"),
        ("2001:db8:1::5", ("[2001:db8:2::7]:443",), "2001:db8:2::7"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("unknown",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, <script>",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
    ],
)
def test_the_address(peer: str, forwarded: tuple[str, ...], found: str) -> None:
    assert Proxies(TRUSTED).client(scope(peer, *forwarded)) == found


def test_nobody_is_trusted_unless_named() -> None:
    assert Proxies().client(scope("127.0.0.1", "198.51.100.1")) == "127.0.0.1"
    assert Proxies().client({"client": None, "headers": []}) == ""
    with pytest.raises(ValueError, match="proxy"):
        Proxies(["proxy.example"])


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=40), max_size=5))
def test_whatever_is_sent_the_address_is_one(forwarded: list[str]) -> None:
    found = Proxies(TRUSTED).client(scope("10.0.0.1", *forwarded))
    assert Proxies(TRUSTED).client(scope(found)) == found


@given(st.lists(st.ip_addresses(v=4).map(str), max_size=40))
def test_what_a_client_prepends_changes_nothing(made_up: list[str]) -> None:
    assert Proxies(TRUSTED).client(scope("10.0.0.1", ", ".join([*made_up, "198.51.100.1"]))) == "198.51.100.1"
