"""A stretch of a task that others may end.

Rule of this module: it is `asyncio.timeout` without a time, which takes three times as long to come and go.
"""

from __future__ import annotations

import asyncio


class Cut:
    """`with Cut() as cut:` is left at once, and without an exception, when somebody calls `cut.make()`: `made` says so.

    Where its task is cancelled by others as well, that goes on.
    """

    __slots__ = ("_cancelling", "_task", "made")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.made = False

    def __enter__(self) -> Cut:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._cancelling = task.cancelling()
        return self

    def make(self) -> None:
        """For whoever is not the task itself. Where it is over, or was ended before, this does nothing."""
        if self._task is not None and not self.made:
            self.made = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        task, self._task = self._task, None
        if not self.made or task is None:
            return False
        return task.uncancel() <= self._cancelling and kind is asyncio.CancelledError
