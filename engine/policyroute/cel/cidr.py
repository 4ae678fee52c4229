"""A network, for asking whether an address is in it.

Rule of this module: a network is read strictly when a policy is loaded; an address that cannot be read is an error, not
"outside".
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Self

from policyroute.cel.expression import EvaluationError


@dataclass(frozen=True, slots=True)
class Cidr:
    """`text` is what the author wrote, normalised; two are equal if address and prefix length are."""

    interface: IPv4Interface | IPv6Interface

    @classmethod
    def parse(cls, text: str) -> Self:
        """`10.0.0.0/8`, `2001:db8::/32`. Raises ValueError."""
        address, slash, length = text.partition("/")
        if not slash or not length.isdecimal() or "%" in text or (":" in address and "." in address):
            raise ValueError("not a network: write an address and a prefix length, as in 10.0.0.0/8")
        return cls(ip_interface(text))

    def contains_ip(self, text: str) -> bool:
        """Whether the address is in the network; IPv4 addresses written as IPv6 count as IPv4."""
        try:
            address: IPv4Address | IPv6Address = ip_address(text)
        except ValueError:
            raise EvaluationError("invalid ip address") from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address in self.interface.network

    def __str__(self) -> str:
        return self.interface.with_prefixlen
