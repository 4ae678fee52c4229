"""Hosts in every spelling that a resolver understands: the link-local ones are known, and no others are."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.policy.addresses import link_local, origin

METADATA = ipaddress.IPv4Address("169.254.169.254")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.0",
        "2852039166",
        "0xA9FEA9FE",
        "0xa9.254.43518",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.169.254.",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_link_local_in_every_spelling(host: str) -> None:
    assert link_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "api.openai.com",
        "localhost",
        "127.0.0.1",
        "::1",
        "169.253.255.255",
        "169.255.0.0",
        "10.0.0.1",
        "192.168.1.1",
        "fec0::1",
        "2001:db8::a9fe:a9fe",
        "169.254.169.254.example",
        "4294967296",
        "1.2.3.4.5",
        "169.254.300.1",
        "08.1.1.1",
        "0xa9fea9fe.example",
        "",
        ".",
        "9" * 5000,
    ],
)
def test_other_hosts_are_not(host: str) -> None:
    assert not link_local(host)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.lists(st.sampled_from(["{}", "{:#x}", "0{:o}"]), min_size=4, max_size=4),
)
def test_numbers_are_read_as_the_system_reads_them(number: int, parts: int, spellings: list[str]) -> None:
    octets = [number >> 24, number >> 16 & 255, number >> 8 & 255]
    last = number & (256 ** (5 - parts) - 1)
    host = ".".join(
        spelling.format(part) for spelling, part in zip(spellings, [*octets[: parts - 1], last], strict=False)
    )
    meant = ipaddress.IPv4Address(socket.inet_aton(host))
    assert int(meant) == number
    assert link_local(host) is meant.is_link_local


@given(st.integers(0, 2**128 - 1))
def test_no_address_of_version_6_is_too_strange(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if address.is_link_local:
        assert link_local(str(address))
    assert link_local(str(ipaddress.IPv6Address(0xFFFF << 32 | int(METADATA))))


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://API.example/v1") == origin("https://api.example:443/v2") == "https://api.example:443"
    assert origin("https://api.example") != origin("https://api.example:8443")
    assert origin("https://api.example") != origin("http://api.example")
    assert origin("embedded:") == "embedded:"
