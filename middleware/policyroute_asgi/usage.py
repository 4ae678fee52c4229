"""What is limited over all workers: each says what it uses, and is told what the others use.

Rule of this module: numbers by name, nothing else. What they mean is known to whoever publishes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

Amounts = Mapping[str, tuple[float, ...]]
"""Name of what is limited -> as many numbers as its limit has. Equal names are added up number by number."""

NOTHING: Final[Amounts] = MappingProxyType({})


class SharedUsage(Protocol):
    """`others` is replaced as a whole when there is news, at most every quarter of a second: keep no part of it.

    A worker that is gone uses nothing any more.
    """

    @property
    def others(self) -> Amounts: ...

    def publish(self, values: Amounts) -> None:
        """All that this process uses now. It is sent on where it changed; calling this costs next to nothing."""
        ...
