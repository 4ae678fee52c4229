"""Answers that come compressed although they were asked for plain.

Rule of this module: a slice at a time. A few bytes may stand for gigabytes: no step inflates more than a slice, and
others get their turn between two.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

import httpx

from policyroute_asgi.outward import Incoming

SLICE: Final = 65_536
"""Bytes inflated in one step."""

_CODINGS: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})
_EITHER_HEADER: Final = 32 + zlib.MAX_WBITS


def plain(answer: Incoming) -> Incoming:
    """The answer as it was before its content-encoding. Reading one that is neither gzip nor deflate raises
    DecodingError."""
    for name, value in answer.headers:
        if name.lower() == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            return _Inflated(answer, known=value.strip().lower() in _CODINGS)
    return answer


class _Inflated:
    def __init__(self, answer: Incoming, *, known: bool) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.close = answer.close
        self._answer = answer
        self._known = known
        self._inflater = zlib.decompressobj(_EITHER_HEADER)
        self._left = b""

    async def read(self) -> bytes:
        if not self._known:
            raise httpx.DecodingError("unknown content-encoding")
        while not self._inflater.eof:
            if self._left:
                await asyncio.sleep(0)
            else:
                self._left = await self._answer.read()
                if not self._left:
                    return self._rest()
            try:
                piece = self._inflater.decompress(self._left, SLICE)
            except zlib.error as error:
                raise httpx.DecodingError("not what its content-encoding says") from error
            self._left = self._inflater.unconsumed_tail
            if piece:
                return piece
        return b""

    def _rest(self) -> bytes:
        """The little that may be held back, now that there is no more to read."""
        rest = self._inflater.flush()
        if not self._inflater.eof:
            raise httpx.ReadError("the compressed answer broke off")
        return rest
