"""Something has changed: whoever waits for a condition looks again.

Rule of this module: the news has no content. What is so now is where it always is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class News:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._event.wait()
