"""Work that takes the processor for a while, done where it keeps nobody else waiting.

Rule of this module: what is small is done at once, since a thread takes longer to ask than that takes to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")

AT_ONCE: Final = 16 * 1024
"""Bytes of a request that is looked through on the event loop; a larger one is on a thread."""


async def beside(work: Callable[[], Result], size: int) -> Result:
    """What `work` gives or raises, which looks through so many bytes."""
    return work() if size <= AT_ONCE else await asyncio.to_thread(work)
