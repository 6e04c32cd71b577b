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
        self._much = asyncio.Event()
        self._emptied = asyncio.Event()
        self._lets_all_in = False
        self._nudged = False
        self._woken = asyncio.Event()

    def __len__(self) -> int:
        return len(self._batches)

    async def put(self, batch: Batch) -> None:
        """Append a batch; wait while there is no room."""
        while not self._lets_all_in and self._batches and self._records + len(batch.records) > self._most:
            self._emptied.clear()
            await self._emptied.wait()
        self._batches.append(batch)
        self._records += len(batch.records)
        self._woken.set()
        if 2 * self._records >= self._most:
            self._much.set()

    def let_all_in(self, *, yes: bool) -> None:
        """Have room for whatever comes, or again for so much only."""
        self._lets_all_in = yes
        if yes:
            self._emptied.set()

    async def gather(self, seconds: float) -> None:
        """Let batches gather for so long, or until half of the room is taken."""
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._much.wait()

    async def take(self, seconds: float) -> list[Batch]:
        """Take all, in order; wait so long for the first one, or a nudge; empty: none came."""
        if not self._batches:
            await self.until_nudged(seconds)
        return self.drain()

    def nudge(self) -> None:
        """Have whoever waits look again, though no batch has come."""
        self._nudged = True
        self._woken.set()

    def nudged(self) -> bool:
        """Say whether there was a nudge since the last time that this was asked."""
        nudged, self._nudged = self._nudged, False
        return nudged

    async def until_nudged(self, seconds: float) -> None:
        """Wait for a batch or a nudge, so long at most."""
        if not self._nudged:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    def drain(self) -> list[Batch]:
        """Take what is there."""
        taken = list(self._batches)
        self._batches.clear()
        self._records = 0
        self._much.clear()
        self._emptied.set()
        return taken
