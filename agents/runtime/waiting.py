"""Waiting: batches on their way to a lane.  What came while a transaction was under way goes into the next one."""

import asyncio
from collections import deque
from contextlib import suppress

from agents.runtime.delivery import Batch


class Waiting:
    """A queue of batches with room for so many records, or for one batch where that is larger.

    One task puts, one takes.  Bounded by records: batches are of one record when there is little to do.
    """

    def __init__(self, most_records: int) -> None:
        self._most = most_records
        self._batches: deque[Batch] = deque()
        self._records = 0
        self._filled = asyncio.Event()
        self._much = asyncio.Event()
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._batches)

    async def put(self, batch: Batch) -> None:
        """Append a batch; wait while there is no room."""
        while self._batches and self._records + len(batch.records) > self._most:
            self._emptied.clear()
            await self._emptied.wait()
        self._batches.append(batch)
        self._records += len(batch.records)
        self._filled.set()
        if 2 * self._records >= self._most:
            self._much.set()

    async def gather(self, seconds: float) -> None:
        """Let batches gather for so long, or until half of the room is taken."""
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._much.wait()

    async def take(self, seconds: float) -> list[Batch]:
        """Take all, in order; wait so long for the first one; empty: none came."""
        try:
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        except TimeoutError:
            return []
        return self.drain()

    def drain(self) -> list[Batch]:
        """Take what is there."""
        taken = list(self._batches)
        self._batches.clear()
        self._records = 0
        self._filled.clear()
        self._much.clear()
        self._emptied.set()
        return taken
